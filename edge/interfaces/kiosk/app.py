"""The kiosk: page, live state, camera picture and the acts of its buttons."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from edge.interfaces.kiosk.desk import Desk
from edge.interfaces.kiosk.same_origin import SameOriginOnly, error_json
from edge.interfaces.kiosk.texts import LANGUAGES, TEXTS, say_both
from edge.interfaces.kiosk.view import Json, refusal_json, state_json
from edge.station.errors import DeskUnknownActError, RefusalError, StationBusyError
from edge.station.guide_state import Refusal
from edge.station.workstation import Workstation

_STATIC = Path(str(files(__package__))) / "static"
_ACTIONS = frozenset({"start", "finish", "cancel", "choose", "sign-out", "retake", "dispute"})
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_FRAME_PAUSE_S = 0.1
_AGAIN_S = 0.5
# A picture costs the processor that inspections need: rest four times as long as it took.
_REST_RATIO = 4.0
_LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class KioskDoors:
    """What the kiosk shows beside the station's state.

    ``preview`` returns number and small JPEG of the newest frame, or None when none is newer
    than the number given; ``picture`` a stored picture, made small, by its SHA-256.
    """

    preview: Callable[[int], tuple[int, bytes] | None]
    picture: Callable[[str], bytes | None]
    unsent: Callable[[], int]
    health: Callable[[], Mapping[str, object]]


class Kiosk:
    """The web application of one station."""

    def __init__(
        self,
        station: Workstation,
        doors: KioskDoors,
        desk: Desk | None = None,
        *,
        host: str,
        language: str,
    ) -> None:
        self.language = language
        self._desk = desk
        self.stopping = asyncio.Event()
        self._station = station
        self._doors = doors
        self._preview: tuple[int, bytes] | None = None
        self._preview_lock = asyncio.Lock()
        self.app = Starlette(
            routes=[
                Route("/", self._page),
                Route("/health", self._health),
                Route("/camera.mjpg", self._camera),
                Route("/picture/{digest}", self._picture),
                Route("/guide/{step_id}/{number:int}", self._guide_picture),
                Route("/texts/{language}.json", self._texts),
                Route("/actions/{action}", self._action, methods=["POST"]),
                Route("/desk/board/{name}.pdf", self._board),
                Route("/desk/{act}", self._desk_act, methods=["POST"]),
                WebSocketRoute("/live", self._live),
                Mount("/static", StaticFiles(directory=_STATIC)),
            ],
            middleware=[Middleware(SameOriginOnly, host=host)],
            exception_handlers={HTTPException: _not_found},
        )

    def state(self) -> Json:
        """Return the whole state as the page reads it."""
        state = state_json(self._station, language=self.language, unsent=self._doors.unsent())
        return {**state, "desk": self._desk.state() if self._desk else None}

    async def _page(self, _request: Request) -> Response:
        return FileResponse(_STATIC / "index.html", headers=_HEADERS)

    async def _health(self, _request: Request) -> Response:
        return JSONResponse(dict(self._doors.health()), headers={"Cache-Control": "no-store"})

    async def _texts(self, request: Request) -> Response:
        language = request.path_params["language"]
        if language not in LANGUAGES:
            raise HTTPException(404)
        return JSONResponse(TEXTS[language], headers={"Cache-Control": "no-cache"})

    async def _picture(self, request: Request) -> Response:
        digest = request.path_params["digest"]
        if len(digest) != 64 or not all(c in "0123456789abcdef" for c in digest):
            raise HTTPException(404)
        small = await asyncio.to_thread(self._doors.picture, digest)
        if small is None:
            raise HTTPException(404)
        headers = {"Cache-Control": "private, max-age=86400, immutable"}
        return Response(small, media_type="image/jpeg", headers=headers)

    async def _guide_picture(self, request: Request) -> Response:
        index = self._station.index
        order = index.order_of_step(request.path_params["step_id"]) if index else None
        step = order.step(request.path_params["step_id"]) if order else None
        number = request.path_params["number"]
        if step is None or number >= len(step.guide) or not step.guide[number].picture:
            raise HTTPException(404)
        picture = step.guide[number].picture
        return Response(picture, media_type=_picture_type(picture), headers=_HEADERS)

    # The live picture

    async def _camera(self, _request: Request) -> Response:
        return StreamingResponse(
            self._frames(),
            media_type="multipart/x-mixed-replace; boundary=frame",
            headers={"Cache-Control": "no-store"},
        )

    async def _frames(self) -> AsyncIterator[bytes]:
        """Give small pictures, at most ten a second, while the page looks."""
        sent, told_s, clock_s = -1, 0.0, asyncio.get_running_loop().time
        while not self.stopping.is_set():
            took_s = 0.0
            if self._station.state.phase not in {"capturing", "inspecting"}:
                took_s = await self._renew_preview()
            # A browser shows a picture when the next one begins: one that stays is sent again.
            is_due = clock_s() - told_s >= _AGAIN_S
            if self._preview is not None and (self._preview[0] != sent or is_due):
                sent, jpeg = self._preview
                told_s = clock_s()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                yield head.encode() + jpeg + b"\r\n"
            with contextlib.suppress(TimeoutError):
                rest_s = max(_FRAME_PAUSE_S, took_s * _REST_RATIO)
                async with asyncio.timeout(rest_s):
                    await self.stopping.wait()

    async def _renew_preview(self) -> float:
        """Make the newest picture once for all who look; return the seconds that it took."""
        loop = asyncio.get_running_loop()
        async with self._preview_lock:
            began_s = loop.time()
            after = self._preview[0] if self._preview else -1
            fresh = await asyncio.to_thread(self._doors.preview, after)
            if fresh is None:
                return 0.0
            self._preview = fresh
            return loop.time() - began_s

    # The live state

    async def _live(self, socket: WebSocket) -> None:
        await socket.accept()
        sending = asyncio.create_task(self._send_states(socket))
        hearing = asyncio.create_task(self._until_gone(socket))
        stopping = asyncio.create_task(self.stopping.wait())
        tasks: set[asyncio.Task[object]] = {sending, hearing, stopping}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.stopping.is_set():
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await socket.close(1001)

    async def _send_states(self, socket: WebSocket) -> None:
        """Send the whole state at once and after each change; who is slow gets the latest."""
        version = self._station.version
        while True:
            await socket.send_json(self.state())
            version = await self._station.changed_since(version)

    @staticmethod
    async def _until_gone(socket: WebSocket) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await socket.receive_text()

    # Acts

    async def _action(self, request: Request) -> Response:
        action = request.path_params["action"]
        try:
            body = await _body(request)
        except ValueError:
            return JSONResponse(error_json("BODY_INVALID"), status_code=400)
        if action == "scan":
            return await self._scan(body)
        if action == "language":
            return await self._set_language(body)
        if action not in _ACTIONS:
            raise HTTPException(404)
        try:
            await self._station.act(action, body.get("piece_id", ""))
        except RefusalError as error:
            return _refused(Refusal(code=error.code, details=dict(error.details)))
        return JSONResponse({"ok": True})

    async def _desk_act(self, request: Request) -> Response:
        try:
            body = await _body(request)
        except ValueError:
            return JSONResponse(error_json("BODY_INVALID"), status_code=400)
        if self._desk is None:
            raise HTTPException(404)
        try:
            await self._desk.act(request.path_params["act"], body)
        except DeskUnknownActError as error:
            raise HTTPException(404) from error
        except RefusalError as error:
            await self._station.touch()
            return _refused(Refusal(code=error.code, details=dict(error.details)))
        return JSONResponse({"ok": True})

    async def _board(self, request: Request) -> Response:
        if self._desk is None:
            raise HTTPException(404)
        try:
            content = await asyncio.to_thread(self._desk.pdf, request.path_params["name"])
        except RefusalError as error:
            raise HTTPException(404) from error
        return Response(content, media_type="application/pdf", headers=_HEADERS)

    async def _scan(self, body: Mapping[str, str]) -> Response:
        text = body.get("text", "").strip()
        if not text or len(text) > _LONGEST_TEXT:
            return JSONResponse(error_json("BODY_INVALID"), status_code=400)
        if self._station.state.phase in {"capturing", "inspecting"}:
            return _refused(Refusal(code=StationBusyError.code))
        refusal = await self._station.scan(text, "kiosk")
        return JSONResponse({"ok": True}) if refusal is None else _refused(refusal)

    async def _set_language(self, body: Mapping[str, str]) -> Response:
        if body.get("language") not in LANGUAGES:
            return JSONResponse(error_json("BODY_INVALID"), status_code=400)
        self.language = body["language"]
        await self._station.touch()
        return JSONResponse({"ok": True})


async def _body(request: Request) -> dict[str, str]:
    """Return the JSON object of a request, its values as text.

    Raises:
        ValueError: it is no object of texts.
    """
    raw = await request.body()
    if not raw:
        return {}
    content = await request.json()
    if not isinstance(content, dict) or not all(isinstance(v, str) for v in content.values()):
        raise ValueError("a JSON object of texts is wanted")
    return content


def _refused(refusal: Refusal) -> Response:
    both = say_both(f"refusal.{refusal.code}", refusal.details)
    code = (refusal_json(refusal) or {})["code"]
    error = {"code": code, "message_ko": both["ko"], "message_en": both["en"]}
    return JSONResponse({"error": error}, status_code=409)


def _picture_type(content: bytes) -> str:
    if content.startswith(b"\x89PNG"):
        return "image/png"
    return "image/jpeg" if content.startswith(b"\xff\xd8") else "image/svg+xml"


async def _not_found(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return JSONResponse(error_json("NOT_FOUND"), status_code=status)
