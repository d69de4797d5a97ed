"""MQTT 3.1.1 on a bare socket: cheap enough to be quicker than whatever is measured or flooded.

Packets are made beforehand and written whole; nothing is sent again and nothing is remembered.
"""

import asyncio
from collections.abc import Callable, Iterable

Taken = Callable[[str, bytes], None]
_CONNECT, _CONNACK, _PUBLISH, _PUBACK, _SUBSCRIBE = 0x10, 0x20, 0x30, 0x40, 0x82


def _length(count: int) -> bytes:
    out = bytearray()
    while True:
        count, digit = divmod(count, 128)
        out.append(digit | (0x80 if count else 0))
        if not count:
            return bytes(out)


def _text(text: str) -> bytes:
    content = text.encode()
    return len(content).to_bytes(2, "big") + content


def _packet(head: int, body: bytes) -> bytes:
    return bytes([head]) + _length(len(body)) + body


def publish_packet(topic: str, payload: bytes, number: int = 0) -> bytes:
    """A PUBLISH: QoS 1 under a packet id from 1 to 65,535, QoS 0 where ``number`` is 0."""
    mid = number.to_bytes(2, "big") if number else b""
    return _packet(_PUBLISH | (2 if number else 0), _text(topic) + mid + payload)


class RawMqtt(asyncio.Protocol):
    """One connection; ``taken`` hears each message that comes, ``acked`` counts the broker's."""

    def __init__(self, taken: Taken | None = None, *, acknowledges: bool = True) -> None:
        self.acked = 0
        self.refused = -1
        self.lost = asyncio.Event()
        self._taken = taken
        self._acknowledges = acknowledges
        self._buffer = bytearray()
        self._answered = asyncio.Event()
        self._granted = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    @classmethod
    async def connect(
        cls,
        port: int,
        user: tuple[str, str],
        taken: Taken | None = None,
        *,
        name: str = "",
        clean: bool = True,
        acknowledges: bool = True,
    ) -> "RawMqtt":
        """Log in on this machine; ``clean`` False keeps the session of that name."""
        loop = asyncio.get_running_loop()
        _, self = await loop.create_connection(
            lambda: cls(taken, acknowledges=acknowledges), "127.0.0.1", port
        )
        flags = 0xC0 | (2 if clean else 0)
        body = _text("MQTT") + bytes([4, flags, 0, 0]) + _text(name)
        self._transport.write(_packet(_CONNECT, body + _text(user[0]) + _text(user[1])))
        async with asyncio.timeout(30):
            await self._answered.wait()
        if self.refused:
            raise ConnectionRefusedError(f"the broker answers {self.refused}")
        return self

    async def subscribe(self, pattern: str, qos: int = 1) -> None:
        """Ask for a topic and wait until it is granted."""
        self._granted.clear()
        self._transport.write(_packet(_SUBSCRIBE, b"\0\1" + _text(pattern) + bytes([qos])))
        async with asyncio.timeout(30):
            await self._granted.wait()

    async def write(self, packets: Iterable[bytes]) -> None:
        """Send packets; waits while the socket takes no more."""
        await self._writable.wait()
        self._transport.write(b"".join(packets))

    def close(self) -> None:
        """Go without a word."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()
        self._writable.set()
        self._answered.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        place = 0
        while (found := _whole(buffer, place)) is not None:
            start, end = found
            self._read(buffer[place], memoryview(buffer)[start:end].tobytes())
            place = end
        del buffer[:place]

    def _read(self, head: int, body: bytes) -> None:
        kind = head & 0xF0
        if kind == _PUBACK:
            self.acked += 1
        elif kind == _PUBLISH:
            self._message(head, body)
        elif kind == _CONNACK:
            self.refused = body[1]
            self._answered.set()
        elif kind == 0x90:
            self._granted.set()

    def _message(self, head: int, body: bytes) -> None:
        end = 2 + int.from_bytes(body[:2], "big")
        topic = body[2:end].decode()
        if head & 6:
            if self._acknowledges:
                self._transport.write(_packet(_PUBACK, body[end : end + 2]))
            end += 2
        if self._taken is not None:
            self._taken(topic, body[end:])


def _whole(buffer: bytearray, place: int) -> tuple[int, int] | None:
    """Where the body of the next packet lies, if it has come as a whole."""
    length = shift = 0
    for at in range(place + 1, min(place + 5, len(buffer))):
        length |= (buffer[at] & 0x7F) << shift
        shift += 7
        if not buffer[at] & 0x80:
            end = at + 1 + length
            return (at + 1, end) if end <= len(buffer) else None
    return None
