"""Batches put together from the bytes that lie in the outbox: nothing is taken apart to be sent."""

import functools
from collections.abc import Iterable

import grpc.aio
from kyndof_wire.sync.v1.sync_pb2 import (
    EventBatch,
    StreamEventsRequest,
    StreamEventsResponse,
)

from edge.outbox.record import StoredEvent

Request = StreamEventsRequest | bytes
Call = grpc.aio.StreamStreamCall[Request, StreamEventsResponse]
_METHOD = "/kyndof_wire.sync.v1.EventSyncService/StreamEvents"
_LENGTH_DELIMITED = 2
_MORE = 0x80


def open_stream(channel: grpc.aio.Channel) -> Call:
    """Begin a stream that takes messages, and messages that are bytes already."""
    method = channel.stream_stream(
        _METHOD,
        request_serializer=_serialized,
        response_deserializer=StreamEventsResponse.FromString,
    )
    call: Call = method()
    return call


def _serialized(request: Request) -> bytes:
    return request if isinstance(request, bytes) else request.SerializeToString()


def batch_request(stream: str, prev_digest: int, events: list[StoredEvent]) -> bytes:
    """Return the request that carries consecutive events, as its bytes."""
    head = EventBatch(stream=stream, first_seq=events[0].seq, prev_digest=prev_digest)
    parts = [head.SerializeToString()]
    for event in events:
        parts += (_EVENT_TAG, _varint(len(event.body)), event.body)
    batch = b"".join(parts)
    return _BATCH_TAG + _varint(len(batch)) + batch


@functools.lru_cache(maxsize=4096)
def _varint(number: int) -> bytes:
    written = bytearray()
    while number >= _MORE:
        written.append(number % _MORE | _MORE)
        number //= _MORE
    return bytes([*written, number])


def _tag(fields: Iterable[tuple[str, int]], name: str) -> bytes:
    return _varint(dict(fields)[name] << 3 | _LENGTH_DELIMITED)


_EVENT_TAG = _tag(((f.name, f.number) for f in EventBatch.DESCRIPTOR.fields), "events")
_BATCH_TAG = _tag(((f.name, f.number) for f in StreamEventsRequest.DESCRIPTOR.fields), "batch")
