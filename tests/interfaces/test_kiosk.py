"""The kiosk's door: page, live state, acts, and who may not come in."""

import asyncio
import json
import re
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from edge.capture import errors as capture_errors
from edge.interfaces.kiosk.app import Kiosk, KioskDoors
from edge.interfaces.kiosk.server import KioskServer, listen
from edge.interfaces.kiosk.texts import TEXTS, say
from edge.station import errors as station_errors
from tests.fakes import station_home as home
from tests.fakes.workstation import Stand, judged

ACT = {"X-Kyndof-Kiosk": "1"}
BADGE = home.code("B", home.BADGE_CUTTER)
PIECE = home.code("P", home.piece_ulid(3))
STATIC = Path(__file__).parents[2] / "edge/interfaces/kiosk/static"

pytestmark = pytest.mark.requirement("KSK")


@pytest.fixture
async def stand():
    return await Stand().ready()


class Page:
    """What a browser does, over real connections."""

    def __init__(self, kiosk, port):
        self.kiosk, self._port = kiosk, port
        self._http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}")

    async def get(self, path, headers=None):
        return await self._http.get(path, headers=headers)

    async def act(self, action, body=None, *, headers=ACT, content=None):
        return await self._http.post(
            f"/actions/{action}", json=body, headers=headers, content=content
        )

    async def scan(self, text):
        return await self.act("scan", {"text": text})

    def live(self, origin=None):
        return connect(f"ws://127.0.0.1:{self._port}/live", origin=origin, proxy=None)

    async def state(self):
        async with self.live() as live:
            return json.loads(await live.recv())

    async def close(self):
        await self._http.aclose()


async def until_verdict(live):
    while (state := json.loads(await live.recv()))["phase"] != "verdict":
        pass
    return state


@pytest.fixture
async def page(stand):
    doors = KioskDoors(
        preview=lambda after: None if after == 7 else (7, b"small jpeg"),
        picture=lambda digest: b"jpeg" if digest == "a" * 64 else None,
        unsent=lambda: 5,
        health=lambda: {"station": "CUT-01"},
    )
    kiosk = Kiosk(stand.station, doors, host="127.0.0.1", language="ko")
    with listen("127.0.0.1", 0) as door:
        server = KioskServer(kiosk, door)
        serving = asyncio.create_task(server.run())
        page = Page(kiosk, door.getsockname()[1])
        yield page
        await page.close()
        server.stop()
        await serving


async def test_page_modules_and_texts_are_served_from_the_station_alone(page) -> None:
    index = await page.get("/")
    assert index.status_code == 200
    assert "default-src 'self'" in index.headers["content-security-policy"]
    for module in STATIC.glob("*.js"):
        assert (await page.get(f"/static/{module.name}")).status_code == 200
        assert "//cdn" not in module.read_text()
    assert (await page.get("/texts/ko.json")).json()["page.start"] == "시작"
    assert (await page.get("/texts/fr.json")).status_code == 404


async def test_a_piece_goes_from_badge_to_verdict(page, stand) -> None:
    assert (await page.scan(BADGE)).json() == {"ok": True}
    assert (await page.scan(PIECE)).json() == {"ok": True}
    state = await page.state()
    assert state["phase"] == "guide"
    assert state["worker"]["name_ko"] == "한서진"
    assert state["piece"]["number"] == 3
    assert state["step"]["stage"] == "CUT"
    assert len(state["guide"]) == 3
    assert (await page.act("start")).json() == {"ok": True}
    stand.inspector.answer = judged("FAIL")
    async with page.live() as live:
        assert (await page.act("finish")).json() == {"ok": True}
        state = await until_verdict(live)
    verdict = state["verdict"]
    assert verdict["verdict"] == "FAIL"
    assert verdict["measurements"][0]["value_mm"] == 502.0
    assert verdict["measurements"][0]["uncertainty_mm"] == 0.6
    assert verdict["findings"][0]["polygon_px"][0] == {"x_px": 1500.0, "y_px": 900.0}
    assert verdict["anomaly_map"]["base64"] == "AECA/w=="
    assert verdict["next"]["ko"] == say("next.waiting", "ko")
    assert verdict["scan_to_verdict_ms"] > 0
    assert state["link"]["unsent"] == 5 + len(stand.journal.facts)


async def test_a_passed_step_names_the_next_one(page, stand) -> None:
    for text in (BADGE, PIECE, PIECE, PIECE):
        (await page.scan(text))
    async with page.live() as live:
        state = await until_verdict(live)
    assert state["verdict"]["next"]["ko"] == "다음: 봉제 시작 가능 (SEW)"


async def test_a_refused_scan_says_what_to_do_in_both_languages(page) -> None:
    answer = await page.scan(PIECE)
    assert answer.status_code == 409
    error = answer.json()["error"]
    assert error["code"] == "BADGE_MISSING"
    assert error["message_ko"] == "먼저 사원증을 스캔하세요."
    state = await page.state()
    assert state["refusal"]["code"] == "BADGE_MISSING"
    assert state["refusal"]["code_text"] == PIECE


async def test_buttons_answer_with_their_refusal(page) -> None:
    (await page.scan(BADGE))
    answer = await page.act("finish")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "NOTHING_TO_FINISH")
    assert (await page.act("fly")).status_code == 404


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"text": 5}', b'{"text": "  "}'])
async def test_a_broken_body_is_refused(page, body) -> None:
    answer = await page.act("scan", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BODY_INVALID")


async def test_the_language_is_the_kiosks(page) -> None:
    assert (await page.act("language", {"language": "fr"})).status_code == 400
    (await page.act("language", {"language": "en"}))
    assert (await page.state())["language"] == "en"


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:8101"},
        {"host": "kiosk.127.0.0.1.example:8101"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
    ],
)
async def test_a_foreign_host_or_origin_is_refused_everywhere(page, headers) -> None:
    for path in ("/", "/health", "/texts/ko.json", "/static/main.js"):
        assert (await page.get(path, headers=headers)).status_code == 403
    answer = await page.act("scan", {"text": BADGE}, headers=ACT | headers)
    assert answer.status_code == 403


async def test_a_foreign_page_hears_nothing(page) -> None:
    for origin in ("http://evil.example", "null"):
        with pytest.raises(InvalidStatus) as refused:
            await page.live(origin=origin)
        assert refused.value.response.status_code == 403


async def test_the_pages_own_origin_is_welcome(page) -> None:
    own = {"host": "127.0.0.1:8101", "origin": "http://127.0.0.1:8101"}
    assert (await page.get("/health", headers=own)).status_code == 200
    assert (await page.get("/health", headers={"host": "localhost:8101"})).status_code == 200


async def test_an_act_without_the_pages_header_is_refused(page, stand) -> None:
    answer = await page.act("scan", {"text": BADGE}, headers={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "HEADER_MISSING")
    assert stand.station.state.worker is None


async def test_pictures_are_found_by_digest_only(page) -> None:
    assert (await page.get("/picture/" + "a" * 64)).content == b"jpeg"
    assert (await page.get("/picture/" + "b" * 64)).status_code == 404
    assert (await page.get("/picture/..%2F..%2Fetc%2Fpasswd")).status_code == 404


async def test_guide_pictures_come_from_the_package(page) -> None:
    assert (await page.get(f"/guide/stp_{home.STEPS['CUT']}/0")).status_code == 404
    assert (await page.get("/guide/stp_unknown/0")).status_code == 404


async def test_the_live_picture_is_a_stream_of_jpegs(page) -> None:
    assert b"small jpeg" in await anext(page.kiosk._frames())


async def test_every_refusal_and_alarm_has_its_sentence_in_both_languages() -> None:
    assert TEXTS["ko"].keys() == TEXTS["en"].keys()
    pending = [station_errors.StationError, capture_errors.CaptureError]
    while pending:
        error = pending.pop()
        pending += error.__subclasses__()
        is_refusal = issubclass(error, station_errors.RefusalError)
        key = f"{'refusal' if is_refusal else 'error'}.{error.code}"
        assert key in TEXTS["ko"], key


async def test_every_key_that_the_page_asks_for_is_written() -> None:
    asked = set()
    for module in STATIC.glob("*.js"):
        asked |= set(re.findall(r'"(page\.[a-z_]+)"', module.read_text(encoding="utf-8")))
    missing = asked - TEXTS["ko"].keys()
    assert not missing, json.dumps(sorted(missing))
