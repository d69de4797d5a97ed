"""The command line at a running server: every command and question, JSON, exit codes, the shell."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cloud.composition.doors import terminal_doors
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.interfaces.terminal import remote_commands
from cloud.interfaces.terminal.app import build_terminal
from cloud.interfaces.terminal.remote import Remote, RemoteError
from cloud.interfaces.terminal.shell import Conversation
from cloud.interfaces.terminal.words import say
from cloud.production.commands import CreateWorkOrder
from tests.fakes.production import wish
from tests.interfaces.test_sign_in_and_live import DEMO, Door, opened, system

pytestmark = pytest.mark.requirement("TER")


@dataclass
class Terminal:
    door: Door
    file: Path

    async def run(self, *words: str) -> Result:
        """Run `kyndof` in a thread: the server answers from this loop."""
        app = build_terminal(terminal_doors())
        return await asyncio.to_thread(CliRunner().invoke, app, list(words))

    async def json(self, *words: str) -> object:
        result = await self.run(*words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    async def sign_in(self, login: str = "lead@demo.example") -> None:
        key, server = await self.door.key(login), f"http://{self.door.address}"
        result = await self.run("login", "--server", server, "--key", key)
        assert result.exit_code == 0, result.output


@pytest.fixture
async def terminal(
    database: DatabaseUrls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Terminal]:
    file = tmp_path / "config" / "login.json"
    monkeypatch.setenv("KYNDOF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KYNDOF_LOGIN_PATH", str(file))
    monkeypatch.setitem(say.__dict__, "language", "ko")
    async with opened(database, tmp_path) as door:
        yield Terminal(door, file)


async def test_the_login_is_kept_for_its_owner_alone_and_forgotten(terminal: Terminal) -> None:
    await terminal.sign_in()
    assert stat.S_IMODE(terminal.file.stat().st_mode) == 0o600
    me = await terminal.json("whoami")
    assert me["person"]["login"] == "lead@demo.example"  # type: ignore[index]
    assert "lead@demo.example" in (await terminal.run("whoami")).stdout
    await terminal.run("logout")
    refused = await terminal.run("whoami")
    assert (refused.exit_code, "NOT_SIGNED_IN" in refused.stderr) == (3, True)


async def test_every_question_and_command_of_the_catalogue_can_be_spoken(
    terminal: Terminal,
) -> None:
    await terminal.sign_in()
    order = await terminal.door.core.bus.send(made(), system(DEMO))
    asked = await terminal.json("ask", "find-piece", "--piece-id", order.piece_ids[0])
    assert asked["number"] == 1  # type: ignore[index]
    table = await terminal.run("ask", "list-work-orders", "--limit=5")
    assert "WO-T" in table.stdout
    wish = ["--piece-id", order.piece_ids[0], "--step-id", order.step_ids[1], "--reason", "급함"]
    done = await terminal.json("do", "override-step-order", *wish, "--key", "once")
    again = await terminal.json("do", "override_step_order", *wish, "--key", "once")
    assert done == again
    listed = await terminal.json("do", "--list")
    assert "override-step-order" in [row["type"] for row in listed]  # type: ignore[attr-defined]
    assert "find_piece" not in Remote(terminal.file).remembered("commands")
    payload = json.dumps({"piece_id": order.piece_ids[0]})
    assert await terminal.json("ask", "find-piece", "--payload", payload) is not None


async def test_a_refusal_ends_with_the_exit_code_of_its_kind(terminal: Terminal) -> None:
    await terminal.sign_in("worker@demo.example")
    order = await terminal.door.core.bus.send(made(), system(DEMO))
    piece = f"pc_{'0' * 26}"
    override = ["do", "override-step-order", "--piece-id", order.piece_ids[0], "--step-id"]
    for words, code in (
        (["ask", "find-piece", "--piece-id", piece], 5),
        ([*override, order.step_ids[1], "--reason", "r"], 4),
        (["ask", "find-piece", "--piece-id", "한글"], 5),
        (["ask", "find-piece", "--한글", "1"], 2),
        (["ask", "find-piece", "--piece-id"], 2),
        (["ask", "list-work-orders", "--limit", "many"], 2),
        (["ask", "fly"], 2),
        (["do", "fly"], 2),
        (["do", ""], 2),
        (["ask", ""], 2),
        (["ask", "find-piece", "--payload", "[]"], 2),
    ):
        result = await terminal.run(*words)
        assert result.exit_code == code, (words, result.output)
        told = await terminal.run(*words, "--json")
        assert json.loads(told.stdout)["error"]["code"], words
    away = await terminal.run("login", "--server", "http://127.0.0.1:9", "--key", "x")
    assert away.exit_code == 9
    assert "닿을 수 없습니다" in away.stderr


async def test_the_shell_goes_on_with_a_conversation_that_began_elsewhere(
    terminal: Terminal,
) -> None:
    await terminal.sign_in()
    begun = await terminal.door.client.post(
        "/api/v1/sessions",
        json={},
        headers={"X-API-Key": await terminal.door.key("lead@demo.example")},
    )
    session = begun.json()["session_id"]
    said: list[str] = []
    shell = Conversation(Remote(terminal.file), said.append)

    async def line(text: str) -> bool:
        return await asyncio.to_thread(shell.line, text)

    assert await line("누구?")
    assert said[-1] == say("SHELL_NONE")
    assert await line(f"/open {session}")
    assert await line("치마 열 벌 언제 끝나?")
    await line(f"/open {session}")
    assert said[-1].endswith("치마 열 벌 언제 끝나?")
    for wrong in ("/open ses_한글", "/do fly", '/ask "', "/ask find-piece --x 1"):
        before = len(said)
        assert await line(wrong)
        assert len(said) > before
    assert not await line("/quit")


async def test_a_person_at_a_terminal_is_recorded_so_and_no_other_door_can_be_claimed(
    terminal: Terminal,
) -> None:
    await terminal.sign_in()
    shell = Conversation(Remote(terminal.file), lambda _: None)
    await asyncio.to_thread(shell.line, "/new")
    await asyncio.to_thread(shell.line, "치마 열 벌 언제 끝나?")
    session = await terminal.json("ask", "restore-session", "--session-id", shell.session_id)
    assert session["session"]["source"] == "terminal"  # type: ignore[index]
    assert [one["interface"] for one in session["entries"]] == ["terminal"]  # type: ignore[index]
    key = {"X-API-Key": await terminal.door.key("lead@demo.example")}
    for claimed in ("kiosk", "system", "vendor", "station", "slack", "TERMINAL", "", "x" * 900):
        answer = await terminal.door.client.post(
            "/api/v1/sessions", json={}, headers={**key, "X-Kyndof-Interface": claimed}
        )
        assert answer.status_code == 422, claimed
        assert answer.json()["error"]["code"] == "PAYLOAD_INVALID"
    plain = await terminal.door.client.post("/api/v1/sessions", json={}, headers=key)
    assert plain.json()["source"] == "api"
    for interface in ("kiosk", "system", "vendor", "station", "webhook"):
        moved = await terminal.door.client.post(
            f"/api/v1/sessions/{shell.session_id}/interface",
            json={"interface": interface},
            headers=key,
        )
        assert moved.status_code == 422, interface


def made() -> CreateWorkOrder:
    return wish(number="WO-T")


def test_completion_knows_the_commands(tmp_path: Path) -> None:
    (tmp_path / "commands.json").write_text('["finish_step", "start_step"]')
    known: Callable[[str], list[str]] = Remote(tmp_path / "login.json").remembered
    assert known("commands") == ["finish_step", "start_step"]
    assert known("queries") == []


class Device(Remote):
    """A server at which nobody has decided yet, twice."""

    refusals = ("DEVICE_PENDING", "DEVICE_SLOW_DOWN")

    def call(self, method: str, path: str, body: object = None, **_: object) -> object:
        if path == "/device/codes":
            return {
                "device_code": "secret", "user_code": "ABCD", "interval_s": 5.0,
                "expires_in_s": 600.0, "verification_path": "/device?code=ABCD",
            }  # fmt: skip
        assert body == {"device_code": "secret"}
        if self.refusals:
            code, *rest = self.refusals
            self.refusals = tuple(rest)
            raise RemoteError("not yet", 1, {"error": {"code": code}})
        return {"access_token": "access", "refresh_token": "refresh"}


def test_a_device_waits_as_long_as_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(remote_commands.time, "sleep", pauses.append)
    device = Device(tmp_path / "login.json")
    remote_commands._by_device(device)
    assert (device.login.secret, device.login.refresh) == ("access", "refresh")
    assert pauses == [5, 5, 10]
    assert "ABCD" in capsys.readouterr().err
