"""Pictures, to whoever may read the row that names them."""

from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Query, Request, Response

from cloud.commands.bus import CommandBus
from cloud.interfaces.rest_api.access import Asker
from cloud.stations.queries import FindMedia, MediaView

_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {}, "image/png": {}}},
    304: {"description": "The asker has it already."},
}
_JPEG = b"\xff\xd8\xff"


class Pictures(Protocol):
    """Reads pictures; who may, was asked before."""

    async def read(self, organization_id: str, sha256: str, width_px: int | None) -> bytes:
        """Return a picture, about as wide as asked."""
        ...


def router(bus: CommandBus, pictures: Pictures) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["media"])

    @routes.get("/media/{sha256}", response_class=Response, responses=_PICTURE)
    async def media(
        sha256: str,
        request: Request,
        context: Asker,
        width: Annotated[int | None, Query(ge=16, le=10_000)] = None,
    ) -> Response:
        """Return a picture's bytes, downscaled when ``width`` in pixels is given."""
        view: MediaView = await bus.ask(FindMedia(sha256=sha256.lower()), context)
        tag = f'"{view.sha256}-{width or "full"}"'
        headers = {
            "ETag": tag,
            # What an address names never changes; it is for this person's browser only.
            "Cache-Control": "private, max-age=31536000, immutable",
            "Vary": "Cookie, Authorization, X-API-Key",
            "Content-Disposition": "inline",
        }
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        content = await pictures.read(context.organization_id, view.sha256, width)
        kind = "image/jpeg" if content.startswith(_JPEG) else view.content_type
        return Response(content, media_type=kind, headers=headers)

    return routes
