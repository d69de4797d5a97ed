"""Refuses requests that are larger than anything that may come, in the shape of every refusal."""

from fastapi import HTTPException, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.interfaces.rest_api.errors import answer

#: The largest spreadsheet has 5 MB; pictures do not come through here.
LARGEST_BYTES = 8 * 1024 * 1024


class BodyLimit:
    """Looks at the announced size first, then counts what really comes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request whose body is not too large."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        announced = request.headers.get("content-length", "")
        if announced.isascii() and announced.isdigit() and int(announced) > LARGEST_BYTES:
            refusal = answer(request, "BODY_TOO_LARGE", {"largest_bytes": LARGEST_BYTES})
            await refusal(scope, receive, send)
            return
        came_bytes = 0

        async def counted() -> Message:
            nonlocal came_bytes
            message = await receive()
            came_bytes += len(message.get("body", b""))
            if came_bytes > LARGEST_BYTES:
                raise HTTPException(413)
            return message

        await self._app(scope, counted, send)
