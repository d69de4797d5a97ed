"""A station's settings and what stations have learned, on the dashboard in a real browser."""

import asyncio

from playwright.async_api import Page, expect

from edge.infrastructure.spool_journal import SpoolJournal
from edge.station.events import Stamp, StyleTaught
from tests.fakes.learning_floor import bank_of
from tests.journeys.factory import Factory

LEAD = Stamp(worker="lead@demo.example", basis="")
_STYLE = "spring-coat"


async def settings_are_wished_from_afar(factory: Factory, page: Page) -> None:
    """What is typed is checked as it is typed; what is saved is used at the station."""
    await page.goto(f"{factory.http}/")
    await page.get_by_role("link", name="CUT-01 설정").click()
    camera = page.get_by_role("region", name="카메라", exact=True)
    # In words, and without the folder's path.
    await expect(camera).to_contain_text("폴더에서 받는 사진 (", timeout=30_000)
    assert str(factory.home) not in await camera.inner_text()
    standing = page.get_by_role("main").get_by_role("status")
    await expect(standing).to_contain_text("아직 원격으로 설정한 적이 없습니다")
    save, limit = page.get_by_role("button", name="저장"), page.get_by_label("촬영 대기 한도")
    await expect(save).to_be_disabled()
    await limit.fill("31")
    await expect(page.get_by_text("0에서 30 사이여야 합니다.")).to_be_visible()
    await expect(save).to_be_disabled()
    await limit.fill("5")
    await page.get_by_role("combobox", name="조명 프로파일").click()
    await page.get_by_role("option", name="table-5000k").click()
    await save.click()
    await expect(standing).to_contain_text("작업대에 적용됨", timeout=30_000)
    await expect(standing).to_contain_text("이반장")
    used = factory.home / "stations" / "CUT-01" / "configuration" / "current"
    assert b'"light":{"profile":"table-5000k"}' in used.read_bytes().replace(b" ", b"")


async def what_was_learned_can_be_withdrawn(
    factory: Factory, page: Page, journal: SpoolJournal
) -> None:
    """A bank that a station taught stands on the page until somebody says why it must not."""
    await journal.append([StyleTaught(style=_STYLE, bank=bank_of(_STYLE, pieces=17))], LEAD)
    kept = f"{factory.http}/api/v1/taught-banks"
    async with asyncio.timeout(60):
        # Until the event has come through the floor and was read.
        while _STYLE not in await (await page.request.get(kept)).text():  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    await page.get_by_role("banner").get_by_role("button").last.click()
    await page.get_by_role("menuitem", name="배운 것").click()
    banks = page.get_by_role("region", name="학습한 스타일")
    line = banks.get_by_role("listitem").filter(has_text=_STYLE)
    await expect(line).to_contain_text("사용 중", timeout=15_000)
    for word in ("CUT-01", "이반장", "양품 17장", "오검출 2.0 %"):
        await expect(line).to_contain_text(word)
    await expect(page.get_by_role("region", name="이름 붙인 결함")).to_contain_text("아직 없습니다")
    await line.get_by_role("button", name="사용 중지").click()
    dialog = page.get_by_role("dialog")
    withdraw = dialog.get_by_role("button", name="사용 중지")
    await expect(withdraw).to_be_disabled()
    await dialog.get_by_label("사유").fill("불량품으로 가르쳤습니다")
    await withdraw.click()
    await expect(dialog).to_have_count(0, timeout=15_000)
    await expect(line).to_contain_text("불량품으로 가르쳤습니다")
    await expect(line.get_by_role("button", name="사용 중지")).to_have_count(0)
