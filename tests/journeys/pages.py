"""Pages of the running factory in a real browser."""

import re

from playwright.async_api import Browser, BrowserContext, Page

from tests.journeys.factory import Factory


def link(factory: Factory, login: str) -> str:
    """The one-time link that `kyndof up` printed for a person."""
    found = re.search(rf"^{re.escape(login)}\s+(\S+)", factory.log.read_text("utf-8"), re.MULTILINE)
    assert found, f"no link for {login}"
    return found.group(1)


async def signed_in(browser: Browser, factory: Factory, login: str) -> tuple[BrowserContext, Page]:
    """A person's own browser, at the floor page."""
    context = await browser.new_context(locale="ko-KR", timezone_id="Asia/Seoul")
    page = await context.new_page()
    await page.goto(link(factory, login))
    await page.wait_for_url(f"{factory.http}/", timeout=20_000)
    return context, page
