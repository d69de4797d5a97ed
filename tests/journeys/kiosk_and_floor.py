"""A piece at the kiosk page and on the dashboard, side by side in a real browser."""

import re

import numpy as np
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.journeys.factory import Factory
from tests.simulators.scenes import Request, draw, encode_frame


async def _codes(context: BrowserContext, factory: Factory) -> tuple[str, str]:
    """The worker's badge and the first piece's label, as they are printed."""
    orders = await (await context.request.get(f"{factory.http}/api/v1/work-orders")).json()
    at = f"{factory.http}/api/v1/work-orders/{orders['items'][0]['work_order_id']}/labels"
    labels = await (await context.request.get(at)).json()
    badge = next(one["text"] for one in labels["badges"] if "김작업" in one["lines"])
    return badge, labels["pieces"][0]["text"]


async def _type(kiosk: Page, text: str) -> None:
    await kiosk.fill("#code", text)
    await kiosk.click("#enter")


async def a_piece_appears(
    factory: Factory, browser: Browser, context: BrowserContext, floor: Page
) -> None:
    """A piece worked at the kiosk page appears on the floor page without a reload."""
    picture, _ = draw(Request(kind="cut", with_label=False), np.random.default_rng(1))
    (await factory.table("CUT-01")).put(encode_frame(picture))
    await factory.kiosk("CUT-01")
    badge, label = await _codes(context, factory)
    station = floor.locator("article", has_text="CUT-01")
    await expect(floor.get_by_text("실시간", exact=True)).to_be_visible(timeout=15_000)
    await expect(station).to_contain_text("다음 제품을 기다립니다")
    await floor.evaluate("window.sameDocument = true")

    kiosk = await (await browser.new_context(locale="ko-KR")).new_page()
    await kiosk.goto(f"http://127.0.0.1:{factory.kiosk_ports['CUT-01']}/")
    # What lies still under the camera is seen too.
    seen = kiosk.locator("#live")
    await expect(seen).not_to_have_js_property("naturalWidth", 0, timeout=15_000)
    await _type(kiosk, badge)
    await expect(kiosk.locator("header .worker")).to_have_text("김작업", timeout=10_000)
    await _type(kiosk, label[-6:])
    await kiosk.get_by_role("button", name="시작", exact=True).click(timeout=10_000)
    await expect(station).to_contain_text("1번", timeout=10_000)
    await expect(station).to_contain_text("김작업")

    await kiosk.get_by_role("button", name="완료", exact=True).click(timeout=10_000)
    await expect(kiosk.locator(".verdict strong")).to_have_text("합격", timeout=20_000)
    lengths = [float(text) for text in await kiosk.locator("td.value").all_inner_texts()]
    assert lengths == pytest.approx([500.0, 380.0], abs=1.0)

    await expect(station).to_contain_text("합격", timeout=10_000)
    await expect(floor.get_by_text("제품 1 봉제 시작 가능")).to_be_visible()
    assert await floor.evaluate("window.sameDocument") is True

    await station.get_by_role("link", name=re.compile("합격")).click()
    shown = floor.get_by_role("img", name="검사 사진")
    await expect(shown).to_be_visible(timeout=15_000)
    await expect(floor.get_by_role("row", name=re.compile("^총장.*합격$"))).to_be_visible()
    await expect(shown).to_have_js_property("complete", True, timeout=15_000)
    assert await shown.evaluate("picture => picture.naturalWidth") > 0
