"""Sends one POST over HTTP/1.1 to an address that was looked at before the connection is made.

The name is resolved here, every address it leads to is judged, and the connection goes to the
judged address itself, so that a name cannot lead elsewhere between the two. No redirect is
followed, no cookie kept, and little of the answer is read.
"""

import asyncio
import contextlib
import ssl
from urllib.parse import SplitResult, urlsplit

import h11

from cloud.webhooks.errors import WebhookTargetRefusedError
from cloud.webhooks.queries import SentAnswer
from cloud.webhooks.target import check_address, check_target

_PATIENCE_S = 10.0
_EXCERPT_BYTES = 500
_READ_BYTES = 16 * 1024


class WebhookUnreachableError(Exception):
    """No answer came; the text says why."""

    code = "WEBHOOK_UNREACHABLE"


class HttpWebhookSender:
    """The one way out for webhooks."""

    def __init__(self, *, allow_private: bool, patience_s: float = _PATIENCE_S) -> None:
        self._allow_private = allow_private
        self._patience_s = patience_s
        self._tls = ssl.create_default_context()

    @property
    def allow_private(self) -> bool:
        """Say whether addresses inside our own networks are allowed."""
        return self._allow_private

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> SentAnswer:
        """Send ``body`` and return what was answered, whatever the status.

        Raises:
            WebhookTargetRefusedError: the address leads where we do not send.
            WebhookUnreachableError: nothing answered in time, or not in HTTP.
        """
        check_target(url, allow_private=self._allow_private)
        try:
            async with asyncio.timeout(self._patience_s):
                return await self._exchange(urlsplit(url), body, headers)
        except TimeoutError as error:
            raise WebhookUnreachableError(f"no answer in {self._patience_s:g} s") from error
        except (OSError, h11.ProtocolError, ssl.SSLError) as error:
            raise WebhookUnreachableError(f"{type(error).__name__}: {error}") from error

    async def _exchange(
        self, parts: SplitResult, body: bytes, headers: dict[str, str]
    ) -> SentAnswer:
        host = parts.hostname or ""
        is_tls = parts.scheme == "https"
        port = parts.port or (443 if is_tls else 80)
        address = await self._judged(host, port)
        reader, writer = await asyncio.open_connection(
            address,
            port,
            ssl=self._tls if is_tls else None,
            server_hostname=host if is_tls else None,
        )
        try:
            return await _converse(reader, writer, _request(parts, body, headers), body)
        finally:
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):
                await writer.wait_closed()

    async def _judged(self, host: str, port: int) -> str:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=1)  # SOCK_STREAM
        addresses = [str(entry[4][0]) for entry in found]
        # One private address among them is enough: names with two faces are how it is tried.
        if not self._allow_private and not all(
            check_address(a.partition("%")[0]) for a in addresses
        ):
            raise WebhookTargetRefusedError("the address is a private one", reason="private")
        if not addresses:
            raise WebhookUnreachableError("the name leads nowhere")
        return addresses[0]


def _request(parts: SplitResult, body: bytes, headers: dict[str, str]) -> h11.Request:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return h11.Request(
        method="POST",
        target=target,
        headers=[
            ("Host", parts.netloc),
            ("User-Agent", "kyndof-webhooks/1"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
            *headers.items(),
        ],
    )


async def _converse(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: h11.Request, body: bytes
) -> SentAnswer:
    connection = h11.Connection(our_role=h11.CLIENT)
    for part in (request, h11.Data(data=body), h11.EndOfMessage()):
        writer.write(connection.send(part) or b"")
    await writer.drain()
    status, excerpt, came_bytes = 0, b"", 0
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(4096)
            came_bytes += len(data)
            connection.receive_data(data)
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            excerpt += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed) or event is h11.PAUSED:
            break
        if status and (len(excerpt) >= _EXCERPT_BYTES or came_bytes >= _READ_BYTES):
            break
    if not status:
        raise WebhookUnreachableError("the connection ended without an answer")
    text = excerpt[:_EXCERPT_BYTES].decode("utf-8", "replace").replace("\x00", "�")
    return SentAnswer(status=status, excerpt=text)
