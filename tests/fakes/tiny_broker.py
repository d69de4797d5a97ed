"""A broker of one client that shows what it says and when: nothing is routed, nothing kept."""

import asyncio

from tests.simulators.raw_mqtt import _length, _packet, _whole, publish_packet


class TinyBroker:
    """Accepts one agent; `acknowledged` are packet ids that it confirmed, `said` its messages."""

    def __init__(self) -> None:
        self.acknowledged: list[int] = []
        self.said: list[tuple[str, bytes]] = []
        self.subscribed = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> "TinyBroker":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        if self._writer is not None:
            self._writer.transport.abort()

    @property
    def port(self) -> int:
        return self._server.sockets[0].getsockname()[1]

    def hand(self, topic: str, payload: bytes, number: int) -> None:
        """Give the client a message of QoS 1."""
        self._writer.write(publish_packet(topic, payload, number))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer, buffer = writer, bytearray()
        while data := await reader.read(65_536):
            buffer += data
            while (found := _whole(buffer, 0)) is not None:
                start, end = found
                self._answer(buffer[0], bytes(buffer[start:end]))
                del buffer[:end]

    def _answer(self, head: int, body: bytes) -> None:
        kind = head & 0xF0
        if kind == 0x10:
            self._writer.write(_packet(0x20, b"\0\0"))
        elif kind == 0x80:
            self._writer.write(b"\x90" + _length(3) + body[:2] + b"\1")
            self.subscribed.set()
        elif kind == 0x40:
            self.acknowledged.append(int.from_bytes(body[:2], "big"))
        elif kind == 0xC0:
            self._writer.write(b"\xd0\0")
        elif kind == 0x30:
            end = 2 + int.from_bytes(body[:2], "big")
            if head & 6:
                self._writer.write(_packet(0x40, body[end : end + 2]))
                end += 2
            self.said.append((body[2:end].decode(errors="replace"), body[end:]))
