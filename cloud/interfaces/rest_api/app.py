"""The HTTP application: REST under /api/v1, health, and the dashboard's files."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from cloud.events.ports import IdFactory
from cloud.interfaces.rest_api.access import Doorkeeper, asker
from cloud.interfaces.rest_api.body_limit import BodyLimit
from cloud.interfaces.rest_api.description import describe
from cloud.interfaces.rest_api.errors import add_error_answers
from cloud.interfaces.rest_api.rate_limit import Limits
from cloud.interfaces.rest_api.reference import add_reference
from cloud.interfaces.rest_api.request_frame import RequestFrame
from cloud.interfaces.rest_api.unknown_fields import no_unknown_fields

#: Returns nothing when all is well, else one sentence that says what is not.
Check = Callable[[], Awaitable[str | None]]
#: A reader of tokens that meets an unknown key asks again; this long it need not.
_KEYS_KEPT_S = 300
_THIS_MACHINE = ("127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class RestParts:
    """What composition hands to the application.

    ``away`` are errors that mean try again later; ``token_keys`` gives the public halves of the
    keys that sign access tokens.
    """

    routers: Sequence[APIRouter]
    doorkeeper: Doorkeeper
    ids: IdFactory
    readiness: Mapping[str, Check]
    dashboard: Path
    metrics: Callable[[], Awaitable[bytes]] | None = None
    limits: Limits | None = None
    away: tuple[type[Exception], ...] = ()
    if_match_needed: bool = False
    token_keys: Callable[[], list[dict[str, str]]] | None = None
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None


def build_app(parts: RestParts) -> FastAPI:
    """Return the application; it opens nothing by itself."""
    app = FastAPI(
        title="Kyndof Corp System",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=parts.lifespan,
        dependencies=[Depends(no_unknown_fields)],
    )
    app.state.doorkeeper = parts.doorkeeper
    app.state.if_match_needed = parts.if_match_needed
    add_error_answers(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(RequestFrame, ids=parts.ids, limits=parts.limits, away=parts.away)
    for routes in parts.routers:
        app.include_router(routes, prefix="/api/v1")
    _add_health(app, parts.readiness)
    if parts.metrics:
        _add_metrics(app, parts.metrics)
    if parts.token_keys:
        _add_token_keys(app, parts.token_keys)
    describe(app)
    add_reference(app)
    _add_dashboard(app, parts.dashboard)
    return app


def _add_health(app: FastAPI, readiness: Mapping[str, Check]) -> None:
    @app.get("/health/live", tags=["health"])
    async def live() -> dict[str, str]:
        """Say that the process answers."""
        return {"status": "live"}

    @app.get("/health/ready", tags=["health"])
    async def ready() -> JSONResponse:
        """Say whether migrations, database, relay and broker are there."""
        problems = {name: await check() for name, check in readiness.items()}
        well = not any(problems.values())
        checks = {name: problem or "ok" for name, problem in problems.items()}
        body = {"status": "ready" if well else "not ready", "checks": checks}
        return JSONResponse(body, status_code=200 if well else 503)


def _add_metrics(app: FastAPI, page: Callable[[], Awaitable[bytes]]) -> None:
    @app.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        """Return counts for Prometheus: to this machine, and to whoever is signed in."""
        if request.client is None or request.client.host not in _THIS_MACHINE:
            await asker(request)
        return Response(await page(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _add_token_keys(app: FastAPI, public: Callable[[], list[dict[str, str]]]) -> None:
    @app.get("/.well-known/jwks.json", include_in_schema=False)
    async def token_keys() -> JSONResponse:
        """Return the public keys with which anybody can check an access token."""
        return JSONResponse(
            {"keys": public()},
            headers={"Cache-Control": f"public, max-age={_KEYS_KEPT_S}"},
            media_type="application/jwk-set+json",
        )


def _add_dashboard(app: FastAPI, folder: Path) -> None:
    index = folder / "index.html"
    if (folder / "assets").is_dir():
        app.mount("/assets", StaticFiles(directory=folder / "assets"))

    @app.get("/{path:path}", include_in_schema=False)
    def page(path: str) -> Response:
        """Return a file of the dashboard, or its page: the browser routes by itself."""
        if path.startswith(("api/", "health/")):
            # No page of ours: an address that takes other methods says which, any other is 404.
            raise HTTPException(405)
        file = (folder / path).resolve()
        if path and file.is_relative_to(folder.resolve()) and file.is_file():
            return FileResponse(file)
        if not index.exists():
            return JSONResponse({"status": "the dashboard is not built; run: make install"})
        return FileResponse(index, headers={"Cache-Control": "no-cache"})
