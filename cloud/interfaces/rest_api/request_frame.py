"""What surrounds every request: its number, headers, content type, rate limit, the last refusal."""

import logging
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.commands.allowance import Budget
from cloud.events.ports import IdFactory
from cloud.interfaces.rest_api.errors import answer
from cloud.interfaces.rest_api.rate_limit import Limits, address_of, asker_of, headers_of

_log = logging.getLogger("kyndof.rest")
_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", _POLICY.encode()),
]
_COUNTED = ("/api/", "/graphql", "/hooks/")
_WITH_BODY = {"POST", "PUT", "PATCH"}
_READ = ("application/json", "multipart/form-data")
_UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class RequestFrame:
    """The outermost layer: whatever happens inside, an answer in our shape comes out."""

    app: ASGIApp
    ids: IdFactory
    limits: Limits | None = None
    away: tuple[type[Exception], ...] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(scope=scope, receive=receive, send=send, frame=self)
        await exchange.run()


@dataclass(slots=True)
class _Exchange:
    """One request and its answer."""

    scope: Scope
    receive: Receive
    send: Send
    frame: RequestFrame
    request_id: str = ""
    budget: Budget | None = None
    has_begun: bool = False
    is_replaced: bool = False

    async def run(self) -> None:
        self.request_id = self.frame.ids.new("req")
        self.scope.setdefault("state", {})["request_id"] = self.request_id
        request = Request(self.scope)
        refusal = await self._refusal(request)
        try:
            await (refusal or self.frame.app)(self.scope, self.receive, self._told)
        except self.frame.away as error:
            _log.warning("the database is away: %s", error)
            if self.has_begun:
                raise
            await answer(request, "DATABASE_AWAY", {})(self.scope, self.receive, self._told)
        except Exception:
            _log.exception("request failed", extra={"request_id": self.request_id})
            if self.has_begun:
                raise
            await answer(request, "INTERNAL_ERROR", {})(self.scope, self.receive, self._told)

    async def _refusal(self, request: Request) -> Response | None:
        path: str = self.scope["path"]
        if not path.startswith(_COUNTED):
            return None
        if self.frame.limits is not None:
            limits = self.frame.limits
            self.budget = await limits.limiter.take(asker_of(request), limits.asker)
            if not self.budget.is_allowed:
                return answer(request, "RATE_LIMITED", {"retry_s": self.budget.retry_s})
        if self.scope["method"] in _WITH_BODY and not _is_readable(request):
            return answer(request, "UNSUPPORTED_MEDIA_TYPE", {"accepted": list(_READ)})
        return None

    async def _told(self, message: Message) -> None:
        if self.is_replaced:
            return
        if message["type"] == "http.response.start" and await self._is_refused_too_often(message):
            self.is_replaced = True
            retry_s = self.budget.retry_s if self.budget else 0.0
            refusal = answer(Request(self.scope), "RATE_LIMITED", {"retry_s": retry_s})
            await refusal(self.scope, self.receive, self._framed)
        else:
            await self._framed(message)

    async def _framed(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            headers = [*message.get("headers", []), *_HEADERS]
            headers.append((b"x-request-id", self.request_id.encode()))
            if self.budget is not None:
                headers += headers_of(self.budget)
            message = {**message, "headers": headers}
        await self.send(message)

    async def _is_refused_too_often(self, message: Message) -> bool:
        """Count the refused by address: a new wrong secret each time gets no allowance of its own.

        Whoever proves who they are is never held back by others behind the same address.
        """
        limits = self.frame.limits
        if message["status"] != _UNAUTHORIZED or limits is None or self.budget is None:
            return False
        name = f"refused:{address_of(Request(self.scope))}"
        budget = await limits.limiter.take(name, limits.refused)
        if budget.is_allowed:
            return False
        self.budget = budget
        return True


def _is_readable(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind:
        return kind in _READ or kind.endswith("+json")
    announced = request.headers.get("content-length", "")
    return announced in {"", "0"} and "transfer-encoding" not in request.headers
