"""What a person does about oneself and about work that waits: one factory, one browser."""

import json
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from bullmq import Queue
from playwright.async_api import Browser, BrowserContext, Locator, Page, Route, expect

from tests.fakes.outside_providers import CLIENT, SECRET, FakeOpenId, FakeSlack, served
from tests.journeys.factory import CHECKOUT, Factory
from tests.journeys.pages import link, signed_in

LEAD, OWNER, WORKER = "lead@demo.example", "owner@demo.example", "worker@demo.example"
FIRST, SECOND = "a long first password", "a longer second password"
HELD_REDRIVES = """
policies:
  - {action: redrive-job, approval: {always: true}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """The factory, who proves people to it, and a browser."""

    factory: Factory
    browser: Browser
    openid: FakeOpenId
    slack: FakeSlack

    async def visitor(self) -> tuple[BrowserContext, Page]:
        """A browser that nobody is signed in at."""
        context = await self.browser.new_context(locale="ko-KR", timezone_id="Asia/Seoul")
        return context, await context.new_page()

    async def ask(self, page: Page, path: str) -> Any:
        """What the cloud answers to the person of this page."""
        return await (await page.request.get(f"{self.factory.http}/api/v1{path}")).json()

    async def act(self, page: Page, path: str, body: Mapping[str, object]) -> Any:
        """What the cloud answers to a program that this page's person lets work."""
        origin = {"Origin": self.factory.http}
        at = f"{self.factory.http}/api/v1{path}"
        return await (await page.request.post(at, data=body, headers=origin)).json()


@asynccontextmanager
async def _office(home: Path, browser: Browser) -> AsyncIterator[Office]:
    registry = home / "registry"
    shutil.copytree(CHECKOUT / "registry", registry)
    with (registry / "org" / "jobs.yml").open("a", encoding="utf-8") as file:
        file.write(HELD_REDRIVES)
    openid, slack = FakeOpenId(), FakeSlack()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(served(openid))
        await stack.enter_async_context(served(slack))
        settings = {
            "KYNDOF_REGISTRY": str(registry),
            "KYNDOF_OPENID__ISSUER": openid.address,
            "KYNDOF_OPENID__CLIENT_ID": CLIENT,
            "KYNDOF_OPENID__CLIENT_SECRET": SECRET,
            "KYNDOF_OPENID__NAME": "Haus",
            "KYNDOF_SLACK__ADDRESS": slack.address,
            "KYNDOF_SLACK__CLIENT_ID": CLIENT,
            "KYNDOF_SLACK__CLIENT_SECRET": SECRET,
        }
        factory = await stack.enter_async_context(Factory.start(home / "home", settings=settings))
        yield Office(factory=factory, browser=browser, openid=openid, slack=slack)


@pytest.mark.requirement("WEB", "IAM", "APR", "JOB", "NOT", "SES", "HOK")
@pytest.mark.timeout(600)
async def test_people_keep_their_access_and_decide_what_waits(
    browser: Browser, tmp_path: Path
) -> None:
    async with _office(tmp_path, browser) as office:
        context, lead = await signed_in(browser, office.factory, LEAD)
        await _a_password_is_set_and_changed(office, lead)
        await _a_key_is_shown_once(lead)
        await _a_device_is_let_in_once(office, lead)
        await _a_slack_account_is_linked(office, lead)
        await _somebody_comes_in_by_password_or_provider(office)
        await _a_dead_job_is_driven_again_with_an_approval(office, lead)
        await _wishes_are_kept(lead)
        await _a_conversation_goes_on(lead)
        await context.close()


async def _open(page: Page, name: str) -> None:
    await page.get_by_role("banner").get_by_role("button").last.click()
    await page.get_by_role("menuitem", name=name).click()


async def _a_password_is_set_and_changed(office: Office, page: Page) -> None:
    await _open(page, "내 키와 세션")
    part = page.get_by_role("region", name="비밀번호")
    save, new = part.get_by_role("button", name="비밀번호 바꾸기"), part.get_by_label("새 비밀번호")
    await new.fill("short")
    await save.click()
    await expect(part.get_by_role("alert")).to_contain_text("10~128자", timeout=15_000)
    await new.fill(FIRST)
    await save.click()
    await expect(part.get_by_role("status")).to_contain_text("바꿨습니다", timeout=15_000)
    await part.get_by_label("지금 비밀번호").fill("not the one before")
    await new.fill(SECOND)
    await save.click()
    await expect(part.get_by_role("alert")).to_contain_text("맞지 않습니다", timeout=15_000)
    await part.get_by_label("지금 비밀번호").fill(FIRST)
    await save.click()
    await expect(part.get_by_role("status")).to_contain_text("바꿨습니다", timeout=15_000)


async def _a_key_is_shown_once(page: Page) -> None:
    part = page.get_by_role("region", name="API 키")
    await part.get_by_label("이름").fill("보고서")
    await part.get_by_role("button", name="키 만들기").click()
    shown = part.get_by_role("alert").locator("code")
    await expect(shown).to_have_text(_secret("kyndof_"), timeout=15_000)
    key = await shown.inner_text()
    await page.reload()
    await expect(part.get_by_text("보고서")).to_be_visible(timeout=15_000)
    assert key not in await page.content()


def _secret(beginning: str) -> re.Pattern[str]:
    return re.compile(rf"^{re.escape(beginning)}\S{{20,}}$")


async def _a_device_is_let_in_once(office: Office, page: Page) -> None:
    codes = await office.act(page, "/device/codes", {"client": "노트북 터미널"})
    await page.goto(f"{office.factory.http}/device")
    code = page.get_by_label("기기에 보이는 코드")
    await code.fill("BBBB-BBBB")
    await page.get_by_role("button", name="확인").click()
    await expect(page.get_by_role("alert")).to_contain_text("시간이 지났습니다", timeout=15_000)
    await code.fill(codes["user_code"].lower())
    await page.get_by_role("button", name="확인").click()
    await expect(page.get_by_text("노트북 터미널")).to_be_visible(timeout=15_000)
    await page.get_by_role("button", name="허용").click()
    await expect(page.get_by_role("status").last).to_contain_text("허용했습니다", timeout=15_000)
    body = {"device_code": codes["device_code"]}
    assert (await office.act(page, "/device/tokens", body))["access_token"]
    await page.goto(f"{office.factory.http}{codes['verification_path']}")
    await page.get_by_role("button", name="확인").click()
    await page.get_by_role("button", name="허용").click()
    await expect(page.get_by_role("alert")).to_contain_text("시간이 지났습니다", timeout=15_000)


async def _sent_back(page: Page, outside: FakeOpenId | FakeSlack, at: str) -> None:
    """Let whoever is sent to the provider agree there and come back to ``at``."""

    async def agree(route: Route) -> None:
        code, state = outside.consent(route.request.url)
        await route.fulfill(status=302, headers={"Location": f"{at}?code={code}&state={state}"})

    await page.route(f"{outside.address}/**", agree)


async def _a_slack_account_is_linked(office: Office, page: Page) -> None:
    back = f"{office.factory.http}/account/slack"
    await page.goto(f"{back}?code=stolen&state=guessed")
    await expect(page.get_by_role("alert")).to_be_visible(timeout=15_000)
    await page.get_by_role("link", name="내 키와 세션").click()
    await _sent_back(page, office.slack, back)
    await page.get_by_role("button", name="Slack 계정 연결").click()
    await expect(page.get_by_text("데모 공방 · U0G9QF9C6")).to_be_visible(timeout=20_000)


async def _somebody_comes_in_by_password_or_provider(office: Office) -> None:
    context, page = await office.visitor()
    # The lead's link was used before.
    await page.goto(link(office.factory, LEAD))
    await expect(page.get_by_role("alert")).to_be_visible(timeout=20_000)
    await page.get_by_label("로그인(이메일)").fill(LEAD)
    password = page.get_by_role("textbox", name="비밀번호")
    await password.fill(FIRST)
    enter = page.get_by_role("button", name="로그인", exact=True)
    await enter.click()
    await expect(page.get_by_role("alert").last).to_contain_text("맞지 않습니다", timeout=15_000)
    await password.fill(SECOND)
    await enter.click()
    await expect(page.get_by_role("button", name="이반장")).to_be_visible(timeout=20_000)
    await context.close()

    context, page = await office.visitor()
    back = f"{office.factory.http}/login/openid"
    await page.goto(f"{back}?code=stolen&state=guessed")
    await expect(page.get_by_role("alert")).to_be_visible(timeout=20_000)
    await page.get_by_role("link", name="다시 로그인").click()
    await _sent_back(page, office.openid, back)
    await page.get_by_role("button", name="Haus 계정으로 로그인").click()
    await expect(page.get_by_role("button", name="김작업")).to_be_visible(timeout=20_000)
    await _who_may_not_is_told_who_may(office, page)
    await context.close()


async def _two_dead_jobs(office: Office, page: Page) -> None:
    """Jobs that nobody here can do."""
    url = psutil.Process(office.factory.pid("serve")).environ()["KYNDOF_DATABASE_JOBS_URL"]
    queue = Queue("ai-agent-tasks", {"backend": "postgres", "connection": url})
    organization_id = (await office.ask(page, "/me"))["organization_id"]
    data = {"organization_id": organization_id, "subject": {"session_id": "ses_1"}}
    for number in (1, 2):
        await queue.add("process-mention", data, {"attempts": 1, "jobId": f"evt_{number}"})
    await queue.close()


async def _who_may_not_is_told_who_may(office: Office, page: Page) -> None:
    await _two_dead_jobs(office, page)
    await _open(page, "백그라운드 작업")
    # By the page's own asking: nobody reloads it.
    lines = page.get_by_role("listitem").filter(has_text="멘션에 답하기")
    await expect(lines).to_have_count(2, timeout=30_000)
    await expect(page.get_by_role("note")).to_contain_text("이반장", timeout=15_000)
    await expect(lines.first.get_by_role("button", name="다시 시도")).to_be_disabled()
    await expect(lines.first).to_contain_text("이 작업을 처리할 수 있는 곳이 없습니다")
    await expect(lines.first).to_contain_text("시도 1 / 1")


async def _a_dead_job_is_driven_again_with_an_approval(office: Office, lead: Page) -> None:
    before = {one["job_id"]: one for one in await office.ask(lead, "/jobs")}
    await _open(lead, "백그라운드 작업")
    for number in (1, 2):
        line = lead.get_by_role("listitem").filter(has_text=f"evt_{number}")
        await line.get_by_role("button", name="다시 시도").click()
        await expect(line.get_by_role("alert")).to_contain_text("승인을 기다리고", timeout=15_000)
    context, owner = await signed_in(office.browser, office.factory, OWNER)
    await _a_notification_is_read(owner)
    await _one_is_approved_and_one_rejected(owner)
    await context.close()
    # It was tried again and failed again: what is shown now is the new failure.
    tried = lead.get_by_role("listitem").filter(has_text="evt_1")
    await expect(tried.get_by_role("alert")).to_have_count(0, timeout=30_000)
    now = {one["job_id"]: one for one in await office.ask(lead, "/jobs")}
    assert now["evt_1"]["finished_at"] > before["evt_1"]["finished_at"]
    assert now["evt_2"] == before["evt_2"]
    await lead.get_by_role("link", name="승인").first.click()
    await lead.get_by_role("switch", name="내 요청").check()
    rejected = lead.get_by_role("listitem").filter(has_text="반려됨")
    await expect(rejected).to_contain_text("원인을 먼저 고치세요", timeout=15_000)
    await expect(lead.get_by_role("listitem").filter(has_text="실행됨")).to_have_count(1)


async def _a_notification_is_read(owner: Page) -> None:
    bell = owner.get_by_role("button", name="알림, 읽지 않음 2건")
    await bell.click(timeout=30_000)
    told = owner.get_by_role("listitem").filter(has_text="승인이 필요합니다")
    await expect(told).to_have_count(2)
    await owner.get_by_role("button", name="모두 읽음").click()
    await expect(owner.get_by_role("button", name="알림, 읽지 않음 0건")).to_be_visible(
        timeout=15_000
    )
    await owner.keyboard.press("Escape")


async def _one_is_approved_and_one_rejected(owner: Page) -> None:
    await owner.get_by_role("link", name="승인").first.click()
    waiting = owner.get_by_role("listitem").filter(has_text="승인 대기")
    await expect(waiting).to_have_count(2, timeout=15_000)
    card = await _opened(owner, waiting, "evt_1")
    async with owner.expect_request("**/approval") as sent:
        await card.get_by_role("button", name="승인", exact=True).click()
    assert len(json.loads((await sent.value).post_data or "{}")["payload_hash"]) >= 32
    await expect(waiting).to_have_count(1, timeout=15_000)
    card = await _opened(owner, waiting, "evt_2")
    reject = card.get_by_role("button", name="반려")
    await expect(reject).to_be_disabled()
    await card.get_by_label("사유").fill("원인을 먼저 고치세요")
    await reject.click()
    await expect(waiting).to_have_count(0, timeout=15_000)


async def _opened(owner: Page, waiting: Locator, job_id: str) -> Locator:
    """Open lines until the one about this job shows its fields."""
    for line in await waiting.all():
        head = line.get_by_role("button").first
        if await head.get_attribute("aria-expanded") != "true":
            await head.click()
        field = line.get_by_role("textbox", name="작업 번호")
        await expect(field).to_be_visible(timeout=15_000)
        if await field.input_value() == job_id:
            return line
    raise AssertionError(f"no approval about {job_id}")


async def _wishes_are_kept(page: Page) -> None:
    await _open(page, "알림 설정")
    save = page.get_by_role("button", name="저장")
    await expect(save).to_be_disabled(timeout=15_000)
    await page.get_by_role("switch", name="I 통보").uncheck()
    await page.get_by_role("switch", name="방해 금지 시간 사용").check()
    await page.get_by_label("시작").fill("22:00")
    await page.get_by_label("끝", exact=True).fill("22:00")
    await expect(page.get_by_role("alert")).to_contain_text("서로 다르게")
    await page.get_by_label("끝", exact=True).fill("06:30")
    await save.click()
    await expect(page.get_by_role("status").filter(has_text="저장했습니다")).to_be_visible(
        timeout=15_000
    )
    await page.reload()
    await expect(page.get_by_role("switch", name="I 통보")).not_to_be_checked(timeout=15_000)
    await expect(page.get_by_label("끝", exact=True)).to_have_value("06:30")


async def _a_conversation_goes_on(page: Page) -> None:
    await _open(page, "내 대화")
    await page.get_by_role("button", name="새 대화").click()
    await page.get_by_label("할 말").fill("오늘 불합격은 몇 벌이야?")
    await page.get_by_role("button", name="보내기").click()
    said = page.get_by_role("listitem").filter(has_text="오늘 불합격은 몇 벌이야?")
    await expect(said).to_contain_text("이반장", timeout=15_000)
    await page.get_by_role("button", name="대화 끝내기").click()
    await expect(page.get_by_text("읽을 수만 있습니다")).to_be_visible(timeout=15_000)
    await page.reload()
    await expect(said).to_be_visible(timeout=15_000)

    await _open(page, "웹훅")
    await expect(page.get_by_role("note").first).to_contain_text("최대표", timeout=15_000)
    await expect(page.get_by_role("button", name="보내기 시작")).to_be_disabled()
