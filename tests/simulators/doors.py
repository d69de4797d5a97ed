"""What the people of a simulated factory touch: kiosk, hand scanner, table, the cloud's pages.

Every wait is on an event and has a bound; what did not come is told with what was seen last.
"""

import asyncio
import contextlib
import itertools
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import websockets
from websockets.asyncio.client import connect

from edge.infrastructure.ending_tasks import end_tasks
from tests.simulators.http_client import Answer, HttpClient

Json = dict[str, Any]
_AWAY = (OSError, websockets.WebSocketException, TimeoutError)


class TooLateError(AssertionError):
    """Something awaited did not come within its bound."""


class KioskRefusalError(Exception):
    """The kiosk answered an act with an error."""

    def __init__(self, code: str, korean: str, english: str) -> None:
        super().__init__(f"{code}: {korean} · {english}")
        self.code, self.korean, self.english = code, korean, english


class RestError(Exception):
    """The cloud answered a request with an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message


class Stream:
    """Messages of a WebSocket in order; comes back by itself after its server was away."""

    def __init__(
        self, address: Callable[[], str], headers: Mapping[str, str] | None = None
    ) -> None:
        self.connected = False
        self.messages: list[tuple[float, Json]] = []
        self._address = address
        self._headers = dict(headers or {})
        self._arrived = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            await end_tasks([self._task])

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(*_AWAY):
                await self._session()
            self.connected = False
            await asyncio.sleep(0.2)

    async def _session(self) -> None:
        async with connect(
            self._address(), additional_headers=self._headers, max_size=None, proxy=None
        ) as socket:
            self.connected = True
            async for text in socket:
                message = json.loads(text)
                async with self._arrived:
                    self.messages.append((asyncio.get_running_loop().time(), message))
                    self.took(message)
                    self._arrived.notify_all()

    def took(self, message: Json) -> None:
        """Look at each message once; for subclasses."""

    async def wait_for(
        self, wanted: Callable[[Json], bool], within_s: float, *, after: int = 0
    ) -> Json:
        """Return the first message that fits, of those that came as number ``after`` or later."""
        place = after
        async with self._arrived:
            try:
                async with asyncio.timeout(within_s):
                    while True:
                        while place < len(self.messages):
                            message = self.messages[place][1]
                            if wanted(message):
                                return message
                            place += 1
                        await self._arrived.wait()
            except TimeoutError:
                last = [str(message)[:600] for _, message in self.messages[-3:]]
                raise TooLateError(f"not within {within_s} s; seen last: {last}") from None


class Kiosk(Stream):
    """One station's kiosk as its page uses it. Only the newest states are kept."""

    _KEPT = 400

    def __init__(self, name: str, port: int) -> None:
        super().__init__(lambda: f"ws://127.0.0.1:{port}/live")
        self.name = name
        self.state: Json = {}
        self._http = HttpClient("127.0.0.1", port, {"X-Kyndof-Kiosk": "1"})

    def took(self, message: Json) -> None:
        self.state = message
        if len(self.messages) > 2 * self._KEPT:
            del self.messages[: -self._KEPT]

    async def until(self, wanted: Callable[[Json], bool], within_s: float = 30) -> Json:
        """Return the state as soon as it fits; the newest one may fit already."""
        if self.state and wanted(self.state):
            return self.state
        async with self._arrived:
            try:
                async with asyncio.timeout(within_s):
                    while not (self.state and wanted(self.state)):
                        await self._arrived.wait()
                    return self.state
            except TimeoutError:
                raise TooLateError(
                    f"{self.name}: not within {within_s} s; state: {brief(self.state)}"
                ) from None

    async def act(self, action: str, **body: str) -> None:
        """Press a button.

        Raises:
            KioskRefusalError: the station refuses.
        """
        answer = await self._http.post(f"/actions/{action}", body)
        if answer.status_code != 200:
            error = answer.json()["error"]
            raise KioskRefusalError(error["code"], error["message_ko"], error["message_en"])

    async def get(self, path: str) -> Answer:
        return await self._http.get(path)

    async def health(self) -> Json:
        found: Json = (await self._http.get("/health")).json()
        return found


def brief(state: Json) -> Json:
    """What matters of a kiosk's state, for a sentence."""
    kept = ("phase", "worker", "piece", "step", "refusal", "alarms", "link", "spool")
    told = {key: state.get(key) for key in kept}
    verdict = state.get("verdict")
    if verdict:
        told["verdict"] = {key: verdict[key] for key in ("verdict", "reasons", "next")}
    return told


class HandScanner:
    """A USB scanner: types a code's text and Enter into the station's named pipe."""

    def __init__(self, pipe: Path) -> None:
        self._pipe = pipe

    def read(self, text: str) -> None:
        """Type a line.

        Raises:
            OSError: no station holds the other end.
        """
        descriptor = os.open(self._pipe, os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(descriptor, text.encode() + b"\n")
        finally:
            os.close(descriptor)


class Table:
    """What lies under a station's camera: the same picture is renamed in once a second."""

    _PERIOD_S = 1.0

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.picture = b""
        self._folder = folder
        self._numbers = itertools.count(1)
        self._place: Path | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        for old in self._folder.glob("[0-9]*"):
            old.unlink()
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            await end_tasks([self._task])

    def put(self, picture: bytes) -> None:
        """Lay something else on the table; ``picture`` is an encoded JPEG."""
        self.picture = picture
        before, place = self._place, self._next()
        partial = place.with_name(f".{place.name}.partial")
        partial.write_bytes(picture)
        partial.replace(place)
        self._place = place
        if before is not None:
            before.unlink(missing_ok=True)

    def unplug(self) -> None:
        """Give no further frames until something is put."""
        if self._place is not None:
            self._place.unlink(missing_ok=True)
            self._place = None

    def _next(self) -> Path:
        return self._folder / f"{next(self._numbers):08d}.jpg"

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._PERIOD_S)
            if self._place is not None:
                place = self._next()
                self._place.rename(place)
                self._place = place


class Cloud:
    """One person at the cloud's REST and live WebSocket."""

    def __init__(self, address: str, key: str = "") -> None:
        self.address = address
        headers = {"Accept-Language": "ko"} | ({"X-API-Key": key} if key else {})
        parts = urlsplit(address)
        self._http = HttpClient(parts.hostname or "127.0.0.1", parts.port or 80, headers)

    async def ready(self) -> bool:
        """Whether everything behind the cloud is there."""
        return (await self._http.get("/health/ready")).status_code == 200

    async def sign_in(self, token: str) -> None:
        """Exchange a one-time link's token for a session cookie."""
        await self.post("/login", {"token": token})

    async def get(self, path: str, **query: str | int) -> Any:
        return _answer(await self._http.get(f"/api/v1{path}", query))

    async def post(self, path: str, body: Json) -> Any:
        return _answer(await self._http.post(f"/api/v1{path}", body))

    async def fetch(self, path: str) -> Answer:
        """GET without a judgement about the answer."""
        return await self._http.get(f"/api/v1{path}")

    @property
    def cookies(self) -> dict[str, str]:
        """The session's cookie; may be set from an earlier run."""
        return self._http.cookies

    @asynccontextmanager
    async def live(self, after: int | None = None) -> AsyncIterator["Live"]:
        """Follow events from ``after``; from now on without it."""
        cookies = "; ".join(f"{name}={value}" for name, value in self._http.cookies.items())
        headers = {"Cookie": cookies} if cookies else {}
        if "X-API-Key" in self._http.headers:
            headers["X-API-Key"] = self._http.headers["X-API-Key"]
        async with Live(self.address.replace("http", "ws", 1), headers, after) as stream:
            await stream.wait_for(lambda message: message.get("type") == "hello", 15)
            yield stream


class Live(Stream):
    """A dashboard's live view: resumes behind the last event that it has."""

    def __init__(self, address: str, headers: Mapping[str, str], after: int | None) -> None:
        super().__init__(self._resumed, headers)
        self._base = f"{address}/api/v1/live"
        self._after = after

    def _resumed(self) -> str:
        return self._base if self._after is None else f"{self._base}?after={self._after}"

    def took(self, message: Json) -> None:
        self._after = int(message["sequence"])

    async def event(
        self, kind: str, within_s: float = 30, *, after: int = 0, **fields: object
    ) -> Json:
        """Return the payload of the first event of a type whose payload has these fields."""
        message = await self.wait_for(
            lambda m: (
                m.get("type") == kind
                and all(m["payload"].get(key) == value for key, value in fields.items())
            ),
            within_s,
            after=after,
        )
        payload: Json = message["payload"]
        return payload


def _answer(answer: Answer) -> Any:
    if answer.status_code >= 400:
        try:
            error = answer.json()["error"]
        except (ValueError, KeyError):
            error = {"code": "UNKNOWN", "message": answer.text[:300]}
        raise RestError(answer.status_code, error["code"], str(error.get("message", "")))
    return answer.json() if answer.content else None
