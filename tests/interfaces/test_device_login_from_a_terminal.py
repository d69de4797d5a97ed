"""A terminal shows a code, a person confirms it, and the tokens are kept and renewed."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.http_server import HttpServer
from cloud.infrastructure.system_time import SystemClock
from cloud.interfaces.terminal.device_login import (
    AccessKeeper,
    DeviceLogin,
    DeviceLoginError,
    Shown,
)
from tests.fakes.core import SetClock
from tests.fakes.identity import OWNER, house_over


@pytest.mark.requirement("IAM", "TER")
async def test_a_terminal_signs_in_keeps_its_tokens_and_gets_the_next_ones(
    database: DatabaseUrls, tmp_path: Path
) -> None:
    async with house_over(database, tmp_path) as house, house.signed_in() as owner:
        server = HttpServer(house.app, "127.0.0.1", 0, "no setting")
        await server.start()
        shown: asyncio.Queue[Shown] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        approved = asyncio.Event()

        def wait(_seconds: float) -> None:
            asyncio.run_coroutine_threadsafe(approved.wait(), loop).result(60)

        login = DeviceLogin(
            address=f"http://127.0.0.1:{server.port}", client="test", language="en", wait=wait
        )
        try:
            running = asyncio.create_task(
                asyncio.to_thread(
                    login.run, lambda one: asyncio.run_coroutine_threadsafe(shown.put(one), loop)
                )
            )
            code = (await asyncio.wait_for(shown.get(), 60)).user_code
            body = {"user_code": code, "approve": True}
            assert (await owner.post("/device/decisions", json=body)).status_code == 200
            approved.set()
            pair = await asyncio.wait_for(running, 60)
            assert pair.login == OWNER

            later = SetClock(SystemClock().now() + timedelta(minutes=14, seconds=30))
            keeper = AccessKeeper(file=tmp_path / "me" / "tokens.json", login=login, clock=later)
            keeper.keep(pair)
            assert keeper.file.stat().st_mode & 0o077 == 0
            renewed = await asyncio.to_thread(keeper.access_token)
            assert renewed not in {None, pair.access_token}
            with pytest.raises(DeviceLoginError, match="REFRESH_TOKEN_REUSED"):
                await asyncio.to_thread(login.refreshed, pair)
            keeper.forget()
            assert await asyncio.to_thread(keeper.access_token) is None
        finally:
            await server.stop()


@pytest.mark.requirement("IAM", "TER")
def test_a_cloud_that_is_away_is_one_sentence() -> None:
    login = DeviceLogin(address="http://127.0.0.1:9", client="test")
    with pytest.raises(DeviceLoginError, match="CLOUD_UNREACHABLE"):
        login.run(lambda _shown: None)
