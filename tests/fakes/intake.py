"""The stations' doors over a real database and real TLS, and a station that speaks to them."""

import hashlib
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import grpc
import grpc.aio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.message import Message
from kyndof_wire.enrolment.v1.enrolment_pb2 import EnrolRequest, EnrolResponse
from kyndof_wire.enrolment.v1.enrolment_pb2_grpc import EnrolmentServiceStub
from kyndof_wire.floor.v1 import floor_pb2
from kyndof_wire.sync.v1 import sync_pb2
from kyndof_wire.sync.v1.sync_pb2_grpc import EventSyncServiceStub
from ulid import ULID

from cloud.composition.rollouts import bundle_ports
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.learning.kind_learner import learners
from cloud.infrastructure.object_storage.bundle_vault import ObjectBundleVault
from cloud.infrastructure.object_storage.picture_vault import ObjectPictureVault, open_store
from cloud.infrastructure.postgres import (
    bundle_store,
    configuration_store,
    inspection_store,
    learning_store,
    production_store,
    rollout_store,
    station_log_store,
    station_store,
)
from cloud.infrastructure.postgres.floor_store import PostgresRoster
from cloud.infrastructure.postgres.station_border import PostgresStationBorder
from cloud.infrastructure.registry_files.style_files import FolderStyleFiles
from cloud.infrastructure.signing.certificate_authority import (
    FolderCertificateAuthority,
    ServerCertificates,
)
from cloud.inspection import handlers as inspection
from cloud.interfaces.edge_intake.conversation import Patience
from cloud.interfaces.edge_intake.desired_state import DesiredState
from cloud.interfaces.edge_intake.intake import EdgeIntake, IntakeParts
from cloud.interfaces.edge_intake.rate_limit import Rate
from cloud.interfaces.edge_intake.servers import DoorAddress, IntakeServers
from cloud.learning import handlers as learning
from cloud.production import handlers as production
from cloud.production.ports import Roster
from cloud.rollouts import handlers as rollouts
from cloud.rollouts.standing import ONE_MACHINE
from cloud.stations import handlers as stations
from cloud.stations.commands import IssueJoinToken, RegisterStation
from cloud.stations.ports import CertificateAuthority
from cloud.stations.queries import IssuedJoinToken, StationView
from tests.fakes.core import DEMO, OTHER, Core, SetClock, add_organization, context_of, core_over

SERIAL = "appliance-7"
#: Quick to tell, and slow to give up: a test's own station may wait long for its turn.
FAST = Patience(heartbeat_s=0.1, silence_s=60, write_s=60, offline_after_s=0.05)


class Device:
    """A key of its own and, once enrolled, the certificate for it."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate_pem = b""
        self.ca_pem = b""

    @property
    def csr_der(self) -> bytes:
        return (
            x509.CertificateSigningRequestBuilder()
            .subject_name(x509.Name([]))
            .sign(self.key, hashes.SHA256())
            .public_bytes(serialization.Encoding.DER)
        )

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


_SECONDS = itertools.count()
OPTIONS = (("grpc.ssl_target_name_override", "localhost"), ("grpc.use_local_subchannel_pool", 1))


def floor_event(kind: str, payload: Message, **more: object) -> sync_pb2.Event:
    event = sync_pb2.Event(
        event_id=bytes(ULID()),
        type=kind,
        schema=1,
        payload=payload.SerializeToString(),
        producer_id="producer",
        stream="events",
        worker="worker@demo.example",
    )
    seconds = next(_SECONDS)
    event.occurred_at.FromDatetime(datetime(2026, 5, 4, 9, tzinfo=UTC) + timedelta(seconds=seconds))
    for name, value in more.items():
        setattr(event, name, value)
    return event


def badge_event(number: int = 0) -> sync_pb2.Event:
    return floor_event(
        "badge_scanned",
        floor_pb2.BadgeScanned(login="worker@demo.example", reader="hid"),
        pseq=number,
    )


def digest_of(events: list[sync_pb2.Event], start: int = 0) -> int:
    value = start
    for event in events:
        chained = value.to_bytes(8, "big") + event.event_id
        chained += hashlib.sha256(event.payload).digest()
        value = int.from_bytes(hashlib.sha256(chained).digest()[:8], "big")
    return value


class Talk:
    """One open stream, frame by frame."""

    def __init__(self, call: grpc.aio.StreamStreamCall) -> None:
        self.call = call
        self.welcome = sync_pb2.Welcome()
        self.heartbeats = 0

    async def send(self, **frame: Message) -> None:
        await self.call.write(sync_pb2.StreamEventsRequest(**frame))

    async def hear(self) -> sync_pb2.StreamEventsResponse:
        """The next frame that is no heartbeat; the call's error when it ended."""
        while True:
            response = await self.call.read()
            if not isinstance(response, sync_pb2.StreamEventsResponse):
                raise await self.ended()
            if response.WhichOneof("payload") != "heartbeat":
                return response
            self.heartbeats += 1

    async def ended(self) -> grpc.aio.AioRpcError:
        """Wait for the end, past whatever is still said, and return it as the error it is."""
        try:
            while isinstance(await self.call.read(), sync_pb2.StreamEventsResponse):
                pass
        except grpc.aio.AioRpcError as error:
            return error
        code = await self.call.code()
        return grpc.aio.AioRpcError(
            code,
            await self.call.initial_metadata(),
            await self.call.trailing_metadata(),
            await self.call.details(),
        )

    async def hello(self, outbox_id: str = "outbox-1", epoch: int = 0) -> "Talk":
        await self.send(hello=sync_pb2.Hello(outbox_id=outbox_id, epoch=epoch, protocol=1))
        response = await self.hear()
        assert response.WhichOneof("payload") == "welcome"
        self.welcome = response.welcome
        return self

    async def batch(
        self, first_seq: int, events: list[sync_pb2.Event], prev_digest: int = 0
    ) -> sync_pb2.Ack:
        await self.send(
            batch=sync_pb2.EventBatch(
                stream="events", first_seq=first_seq, events=events, prev_digest=prev_digest
            )
        )
        response = await self.hear()
        assert response.WhichOneof("payload") == "ack"
        return response.ack


@dataclass
class IntakeWorld:
    """Doors that stand open, and who stands behind them."""

    core: Core
    authority: FolderCertificateAuthority
    border: PostgresStationBorder
    servers: IntakeServers
    database: DatabaseUrls
    vault: ObjectPictureVault
    desired: DesiredState
    folder: Path

    async def register(self, name: str = "CUT-01", organization_id: str = DEMO) -> StationView:
        command = RegisterStation(
            name=name, stages=("CUT", "SEW"), title_ko="재단 1", title_en="Cutting 1"
        )
        view: StationView = await self.core.bus.send(
            command, context_of("lead@demo.example", organization_id=organization_id)
        )
        return view

    async def token(
        self, station_id: str, serial: str = SERIAL, organization_id: str = DEMO
    ) -> IssuedJoinToken:
        issued: IssuedJoinToken = await self.core.bus.send(
            IssueJoinToken(station_id=station_id, serial=serial),
            context_of("lead@demo.example", organization_id=organization_id),
        )
        return issued

    async def knock(self, token: str, device: Device, serial: str = SERIAL) -> EnrolResponse:
        """Enrol over the real door."""
        credentials = grpc.ssl_channel_credentials(self.authority.ca_pem.encode())
        address = f"127.0.0.1:{self.servers.enrolment_port}"
        async with grpc.aio.secure_channel(address, credentials, OPTIONS) as channel:
            response: EnrolResponse = await EnrolmentServiceStub(channel).Enrol(
                EnrolRequest(join_token=token, csr_der=device.csr_der, serial=serial), timeout=60
            )
        device.certificate_pem, device.ca_pem = response.certificate_pem, response.ca_pem
        return response

    async def enrolled(
        self, name: str = "CUT-01", organization_id: str = DEMO
    ) -> tuple[StationView, Device]:
        station = await self.register(name, organization_id)
        device = Device()
        issued = await self.token(station.station_id, organization_id=organization_id)
        await self.knock(issued.join_token, device)
        return station, device

    def channel(self, device: Device | None) -> grpc.aio.Channel:
        if device is None:
            credentials = grpc.ssl_channel_credentials(self.authority.ca_pem.encode())
        else:
            credentials = grpc.ssl_channel_credentials(
                self.authority.ca_pem.encode(), device.key_pem, device.certificate_pem
            )
        return grpc.aio.secure_channel(f"127.0.0.1:{self.servers.port}", credentials, OPTIONS)

    @asynccontextmanager
    async def talk(self, device: Device | None) -> AsyncIterator[Talk]:
        """Open a stream; hello is the caller's."""
        async with self.channel(device) as channel:
            call = EventSyncServiceStub(channel).StreamEvents(timeout=60)
            try:
                yield Talk(call)
            finally:
                call.cancel()

    async def rows(self, sql: str, *values: object) -> list[asyncpg.Record]:
        """Read as the demo organization, with the application's own role."""
        async with self.core.pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT set_config('kyndof.organization', $1, true)", DEMO)
            return await connection.fetch(sql, *values)


@asynccontextmanager
async def intake_over(
    database: DatabaseUrls, folder: Path, patience: Patience = FAST, knocks: int = 60
) -> AsyncIterator[IntakeWorld]:
    """Open both doors on free ports, as composition does."""
    await add_organization(database.owner, DEMO, "demo", "worker@demo.example")
    await add_organization(database.owner, OTHER, "other", "worker@other.example")
    stores = {
        **station_store.STORES,
        **production_store.STORES,
        **inspection_store.STORES,
        **bundle_store.STORES,
        **rollout_store.STORES,
        **configuration_store.STORES,
        **station_log_store.STORES,
        **bundle_ports(ONE_MACHINE, folder / "keys"),
        **learning_store.STORES,
        **learners(),
    }
    made: list[FolderCertificateAuthority] = []
    # These tests are not about who may work where: everybody may.
    stores[Roster] = PostgresRoster
    stores[CertificateAuthority] = lambda _connection, _organization: made[0]
    async with core_over(database.app, stores) as core:
        core.clock.moment = datetime.now(UTC)
        authority = FolderCertificateAuthority(folder / "authority", core.clock)
        made.append(authority)
        # The client's own clock judges the server's certificate: tests do not move that one.
        server_clock = SetClock(core.clock.moment)
        server_authority = FolderCertificateAuthority(folder / "authority", server_clock)
        for feature in (stations, production, inspection, learning, rollouts):
            for command, handler in feature.COMMANDS.items():
                core.bus.register(command, handler)
            for query, question in feature.QUERIES.items():
                core.bus.register_query(query, question)
        border = PostgresStationBorder(core.pool, database.app, core.clock)
        vault = ObjectPictureVault(open_store(str(folder / "objects")), folder / "uploads")
        intake = EdgeIntake(
            IntakeParts(
                bus=core.bus,
                border=border,
                authority=authority,
                certificates=ServerCertificates(
                    server_authority, ["localhost", "127.0.0.1"], server_clock
                ),
                vault=vault,
                bundles=ObjectBundleVault(open_store(str(folder / "objects"))),
                styles=FolderStyleFiles(folder / "styles"),
                clock=core.clock,
                intake=DoorAddress(host="127.0.0.1", port=0, setting="KYNDOF_GRPC__PORT"),
                enrolment=DoorAddress(
                    host="127.0.0.1", port=0, setting="KYNDOF_GRPC__ENROLMENT_PORT"
                ),
                patience=patience,
                knocks_by_peer=Rate(burst_count=knocks, per_minute_count=knocks),
            )
        )
        servers = intake.servers
        await servers.start()
        try:
            yield IntakeWorld(
                core=core,
                authority=authority,
                border=border,
                servers=servers,
                database=database,
                vault=vault,
                desired=intake.desired,
                folder=folder,
            )
        finally:
            await servers.stop()
