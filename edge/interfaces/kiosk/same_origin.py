"""Only the kiosk's own page may speak to the kiosk."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from edge.interfaces.kiosk.texts import say

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_SAFE = frozenset({"GET", "HEAD"})


def error_json(code: str, *, key: str | None = None) -> dict[str, object]:
    """Return the body of a refused request."""
    key = key or f"error.{code}"
    return {"error": {"code": code, "message_ko": say(key, "ko"), "message_en": say(key, "en")}}


class SameOriginOnly:
    """Refuses a foreign Host or Origin, and acts without the page's own header.

    A name that points here (DNS rebinding) is foreign too: only the configured host, loopback
    names, or, when listening everywhere, a bare address may stand in ``Host``.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on or refuse it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        code = self._refusal(scope)
        if code is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4403, "reason": code})
        else:
            await JSONResponse(error_json(code), status_code=403)(scope, receive, send)

    def _refusal(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(host):
            return "FOREIGN_ORIGIN"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return "FOREIGN_ORIGIN"
        acts = scope["type"] == "http" and scope["method"] not in _SAFE
        if acts and headers.get("x-kyndof-kiosk") != "1":
            return "HEADER_MISSING"
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name == self._host or (name in _LOOPBACK and self._listens_on_loopback()):
            return True
        return self._host in {"0.0.0.0", "::"} and _is_address(name)  # noqa: S104

    def _listens_on_loopback(self) -> bool:
        return self._host in _LOOPBACK | {"0.0.0.0", "::"}  # noqa: S104


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
