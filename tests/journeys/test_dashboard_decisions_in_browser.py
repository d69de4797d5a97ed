"""The dashboard beside a kiosk: work, a fact that a rule refused, an order made by hand."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from edge.infrastructure.ending_tasks import end_tasks
from edge.infrastructure.mqtt_producer import BrokerAddress, MqttProducer
from edge.infrastructure.spool_journal import JournalOrigin, SpoolJournal
from edge.infrastructure.sqlite_spool import SqliteSpool
from edge.infrastructure.system_time import SystemClock, UlidFactory
from edge.outbox.spooling import SpoolPolicy
from edge.station.events import Stamp, StepStarted
from edge.station.progress import StepRecord
from tests.journeys.factory import Factory
from tests.journeys.kiosk_and_floor import a_piece_appears
from tests.journeys.pages import signed_in
from tests.journeys.settings_and_learned import (
    settings_are_wished_from_afar,
    what_was_learned_can_be_withdrawn,
)
from tests.simulators.doors import Cloud

STRANGER = Stamp(worker="ghost@demo.example", basis="")


async def _heard(_event_id: bytes, _record: StepRecord) -> None:
    """What neighbours do is nothing to us."""


@contextlib.asynccontextmanager
async def _journal_of_a_stranger(factory: Factory, path: Path) -> AsyncIterator[SpoolJournal]:
    """A producer at CUT-01's broker, as a station has one."""
    clock, ids = SystemClock(), UlidFactory()
    spool = SqliteSpool(path, SpoolPolicy(max_bytes=8 << 20, ballast_bytes=0), ids.new("run"))
    origin = JournalOrigin(station="CUT-01", boot_id=b"b" * 16, clock=clock, ids=ids)
    journal = SpoolJournal(spool, origin)
    passwords = json.loads((factory.home / "run" / "mqtt.json").read_text("utf-8"))
    address = BrokerAddress(
        url=f"mqtt://127.0.0.1:{factory.environment['KYNDOF_MQTT__PORT']}",
        username="CUT-01", password=passwords["CUT-01"], station="CUT-01",
    )  # fmt: skip
    producer = asyncio.create_task(MqttProducer(address, journal, _heard, clock, ids).run())
    yield journal
    await end_tasks([producer])
    await journal.close()


async def _start_of(cloud: Cloud, number: int) -> StepStarted:
    listed = await cloud.get("/work-orders")
    order = await cloud.get(f"/work-orders/{listed['items'][0]['work_order_id']}")
    piece = next(one for one in order["pieces"] if one["number"] == number)
    return StepStarted(
        piece_id=piece["piece_id"], step_id=order["steps"][0]["step_id"], stage="CUT",
        spec_version=piece["spec_version"], attempt=1, reader="hid", order_unconfirmed=False,
    )  # fmt: skip


@pytest.mark.requirement("WEB", "KSK", "TRK", "WOR", "FLT", "DEF")
@pytest.mark.timeout(600)
async def test_work_appears_what_a_rule_refused_waits_and_orders_are_made_by_hand(
    factory: Factory, browser: Browser, tmp_path: Path
) -> None:
    context, page = await signed_in(browser, factory, "lead@demo.example")
    await a_piece_appears(factory, browser, context, page)
    cloud = await factory.sign_in("owner@demo.example")
    await _disputes_are_decided(factory, cloud, page, tmp_path)
    await _an_order_is_made_by_hand(cloud, page)
    await settings_are_wished_from_afar(factory, page)
    async with _journal_of_a_stranger(factory, tmp_path / "teacher.db") as journal:
        await what_was_learned_can_be_withdrawn(factory, page, journal)
    await context.close()


async def _disputes_are_decided(factory: Factory, cloud: Cloud, page: Page, tmp_path: Path) -> None:
    await page.get_by_role("link", name="확인할 기록").click()
    await expect(page.get_by_text("확인할 기록이 없습니다")).to_be_visible(timeout=15_000)

    async with _journal_of_a_stranger(factory, tmp_path / "stranger.db") as journal:
        for number in (2, 3, 4):
            await journal.append([await _start_of(cloud, number)], STRANGER)
        lines = page.get_by_role("listitem").filter(has_text="ghost@demo.example")
        # By the live view: nobody reloads the page.
        await expect(lines).to_have_count(3, timeout=30_000)
    await expect(lines.first).to_contain_text("CUT-01")
    await expect(lines.first).to_contain_text("공정 시작")
    assert not re.search(r"(pc|stp|sta|wo)_[0-9A-Z]{26}", await lines.first.inner_text())

    await _accept(page, lines.last, cloud)
    await expect(lines).to_have_count(2, timeout=15_000)
    await page.get_by_role("switch", name="결정된 것도 보기").check()
    in_effect = page.get_by_role("listitem").filter(has_text="인정 · 반영됨")
    await expect(in_effect).to_have_count(1, timeout=15_000)
    await page.get_by_role("switch", name="결정된 것도 보기").uncheck()

    dialog = await _decide(page, lines.first)
    save = dialog.get_by_role("button", name="무효로 처리")
    await expect(save).to_be_disabled()
    await dialog.get_by_label("사유").fill("등록되지 않은 사람입니다")
    await save.click()
    await expect(lines).to_have_count(1, timeout=15_000)

    dialog = await _decide(page, lines.first)
    (left,) = await cloud.get("/disputes")
    word = {"decision": "REJECTED", "reason": "먼저 결정"}
    at = f"{factory.http}/api/v1/disputes/{left['event_id']}/resolution"
    elsewhere = await page.request.post(at, data=word, headers={"Origin": factory.http})
    assert elsewhere.ok
    await dialog.get_by_label("사유").fill("늦은 결정")
    await dialog.get_by_role("button", name="무효로 처리").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("이미", timeout=15_000)
    await dialog.get_by_role("button", name="취소").click()

    await page.get_by_role("switch", name="결정된 것도 보기").check()
    decided = page.get_by_role("listitem").filter(has_text="등록되지 않은 사람입니다")
    await expect(decided).to_contain_text("무효")
    await expect(decided).to_contain_text("이반장")


async def _accept(page: Page, line: Locator, cloud: Cloud) -> None:
    """The oldest line is the second piece's: with the lead's rights it is started after all."""
    await line.get_by_role("button", name="사실로 인정").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("결정한 사람의 권한으로 다시 반영합니다")
    await dialog.get_by_label("사유").fill("새로 온 사람이 맞습니다")
    await dialog.get_by_role("button", name="사실로 인정").click()
    await expect(dialog).to_have_count(0, timeout=15_000)
    listed = await cloud.get("/work-orders")
    order = await cloud.get(f"/work-orders/{listed['items'][0]['work_order_id']}")
    await page.get_by_role("link", name="작업지시", exact=True).click()
    await page.get_by_role("link", name=order["number"]).first.click()
    # The order's page is live: nobody reloads it.
    await expect(page.get_by_text("작업 중").first).to_be_visible(timeout=30_000)
    await page.get_by_role("link", name="확인할 기록").click()


async def _decide(page: Page, line: Locator) -> Locator:
    await line.get_by_role("button", name="무효로 처리").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    return dialog


async def _an_order_is_made_by_hand(cloud: Cloud, page: Page) -> None:
    """It says what is missing, and is there once it is whole."""
    await page.get_by_role("link", name="작업지시", exact=True).click()
    await page.get_by_role("link", name="작업지시 만들기").click()
    make = page.get_by_role("button", name="만들기", exact=True)
    told = page.get_by_role("alert")

    await make.click()
    await expect(told).to_contain_text("‘번호’ 칸이 비었습니다.")
    await expect(told).to_contain_text("재단 공정은 카메라 검사를 하는데 기준이 없습니다.")
    for label, text in (("번호", "WO-HAND-1"), ("스타일", "demo-bodice")):
        await _field(page, label).fill(text)
    await _field(page, "이름 (한국어)").fill("손으로 만든 지시")
    await _field(page, "이름 (영어)").fill("Made by hand")
    for box in (await page.get_by_label("카메라 검사").all())[1:]:
        await box.uncheck()
    await page.get_by_role("button", name="부위 더하기").click()
    await _field(page, "이름").fill("length")
    await _field(page, "기준 (mm)").fill("500")
    await _field(page, "상한 (mm)").fill("5")
    await page.get_by_role("combobox", name="중요도").click()
    await page.get_by_role("option", name="중결점", exact=True).click()
    await _field(page, "수량").fill("0")

    await expect(told).to_contain_text("‘length’의 하한 (mm) 칸이 비었습니다. 기본값은 없습니다.")
    await expect(told).to_contain_text("사이즈 M의 수량은 1에서 2000까지입니다.")
    await page.get_by_role("button", name="English").click()
    await expect(told).to_contain_text("Lower (mm) of “length” is empty. There is no default.")
    await expect(told).to_contain_text("The quantity of size M runs from 1 to 2000.")
    await expect(page.get_by_role("button", name="Make it", exact=True)).to_be_disabled()
    await _field(page, "Lower (mm)").fill("-5")
    await _field(page, "Count").fill("3")
    await expect(told).to_have_count(0)

    await _refused_for_an_unknown_stage(page)
    await page.get_by_role("button", name="Make it", exact=True).click()
    await expect(page.get_by_role("heading", name="Made by hand")).to_be_visible(timeout=15_000)
    made = next(
        one for one in (await cloud.get("/work-orders"))["items"] if one["number"] == "WO-HAND-1"
    )
    assert made["pieces_count"] == 3
    await page.get_by_role("button", name="한국어").click()
    await expect(page.get_by_role("heading", name="손으로 만든 지시")).to_be_visible()


def _field(page: Page, label: str) -> Locator:
    return page.get_by_role("textbox", name=label, exact=True)


async def _refused_for_an_unknown_stage(page: Page) -> None:
    """The page offers known stages only; one may leave the registry while somebody writes."""

    async def other_stage(route, request) -> None:  # type: ignore[no-untyped-def]
        body = request.post_data_json
        body["steps"][1]["stage"] = "DYE"
        await route.continue_(post_data=body)

    await page.route("**/api/v1/work-orders", other_stage)
    told = page.get_by_role("alert")
    await page.get_by_role("button", name="Make it", exact=True).click()
    await expect(told).to_contain_text("The registry knows no such stage.", timeout=15_000)
    await expect(told).to_contain_text("steps[1].stage")
    await page.get_by_role("button", name="한국어").click()
    await page.get_by_role("button", name="만들기", exact=True).click()
    await expect(told).to_contain_text("등록되지 않은 단계입니다.", timeout=15_000)
    await page.get_by_role("button", name="English").click()
    await page.unroute("**/api/v1/work-orders")
