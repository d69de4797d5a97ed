"""The least that carries events into PostgreSQL: grpc.aio over mTLS, COPY, commit, ack.

    python -m tests.simulators.bare_uplink serve FOLDER DATABASE-URL      prints its port
    python -m tests.simulators.bare_uplink send FOLDER PORT COUNT         prints events a second

FOLDER holds ca.pem, server.{key,pem} and client.{key,pem}. Same frames and batches as ours; events
wait ready in memory, and nobody looks for repetitions, holes, changed histories or bad events.
"""

import asyncio
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import grpc
import grpc.aio
from kyndof_wire.sync.v1.sync_pb2 import (
    Ack,
    EventBatch,
    StreamEventsRequest,
    StreamEventsResponse,
)
from kyndof_wire.sync.v1.sync_pb2_grpc import (
    EventSyncServiceServicer,
    EventSyncServiceStub,
    add_EventSyncServiceServicer_to_server,
)

from edge.infrastructure.grpc_channel import channel_options
from edge.outbox.delivery import DeliveryLimits
from tests.simulators.sample_events import sample_event

TABLE = """
CREATE TABLE IF NOT EXISTS bare_events (
  station text NOT NULL, seq bigint NOT NULL, event_id bytea NOT NULL, type text NOT NULL,
  schema_version bigint NOT NULL, hlc bigint NOT NULL, mono_ns bigint NOT NULL,
  boot_id bytea NOT NULL, payload bytea NOT NULL, producer_id text NOT NULL, pseq bigint NOT NULL,
  occurred_at timestamptz, worker text NOT NULL, basis text NOT NULL,
  PRIMARY KEY (station, seq))
"""
COLUMNS = (
    "station", "seq", "event_id", "type", "schema_version", "hlc", "mono_ns", "boot_id", "payload",
    "producer_id", "pseq", "occurred_at", "worker", "basis",
)  # fmt: skip


class _Copying(EventSyncServiceServicer):
    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def StreamEvents(self, requests, context):  # noqa: N802 - the wire names it
        async for request in requests:
            batch = request.batch
            rows = [
                (
                    "bare", seq, event.event_id, event.type, event.schema, event.hlc, event.mono_ns,
                    event.boot_id, event.payload, event.producer_id, event.pseq,
                    event.occurred_at.ToDatetime(tzinfo=UTC), event.worker, event.basis,
                )
                for seq, event in enumerate(batch.events, start=batch.first_seq)
            ]  # fmt: skip
            async with self._connection.transaction():
                await self._connection.copy_records_to_table(
                    "bare_events", records=rows, columns=COLUMNS
                )
            ack = Ack(stream="events", committed_seq=rows[-1][1])
            yield StreamEventsResponse(ack=ack)


async def serve(folder: Path, url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(TABLE)
    await connection.execute("TRUNCATE bare_events")
    server = grpc.aio.server()
    add_EventSyncServiceServicer_to_server(_Copying(connection), server)
    pair = ((folder / "server.key").read_bytes(), (folder / "server.pem").read_bytes())
    credentials = grpc.ssl_server_credentials(
        [pair], (folder / "ca.pem").read_bytes(), require_client_auth=True
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


async def send(folder: Path, port: int, count: int) -> None:
    limits = DeliveryLimits()
    now = datetime.now(UTC)
    batches = [
        EventBatch(
            stream="events",
            first_seq=first,
            events=[
                sample_event(seq, "bare", now)
                for seq in range(first, min(first + limits.batch_events, count + 1))
            ],
        )
        for first in range(1, count + 1, limits.batch_events)
    ]
    credentials = grpc.ssl_channel_credentials(
        (folder / "ca.pem").read_bytes(),
        (folder / "client.key").read_bytes(),
        (folder / "client.pem").read_bytes(),
    )
    address = f"127.0.0.1:{port}"
    async with grpc.aio.secure_channel(address, credentials, channel_options(address)) as channel:
        call = EventSyncServiceStub(channel).StreamEvents()
        room = asyncio.Semaphore(limits.window_events // limits.batch_events)
        # A first batch opens connection and table outside the measured time.
        await call.write(StreamEventsRequest(batch=batches[0]))
        await call.read()
        began_s = time.perf_counter()

        async def write() -> None:
            for batch in batches[1:]:
                await room.acquire()
                await call.write(StreamEventsRequest(batch=batch))

        writing = asyncio.create_task(write())
        for _ in batches[1:]:
            await call.read()
            room.release()
        took_s = time.perf_counter() - began_s
        await writing
    print((count - len(batches[0].events)) / took_s, flush=True)


if __name__ == "__main__":
    where = Path(sys.argv[2])
    if sys.argv[1] == "serve":
        asyncio.run(serve(where, sys.argv[3]))
    else:
        asyncio.run(send(where, int(sys.argv[3]), int(sys.argv[4])))
