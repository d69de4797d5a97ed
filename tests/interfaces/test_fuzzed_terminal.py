"""Command lines that nobody should type: a coded sentence and an exit code, nothing written."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from cloud.composition.doors import terminal_doors
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.http_server import HttpServer
from cloud.interfaces.terminal.app import build_terminal
from cloud.interfaces.terminal.words import say
from tests.fakes.fuzz import NASTY_TEXTS, NASTY_VALUES
from tests.fakes.fuzzed_doors import Doors, doors_over

pytestmark = pytest.mark.requirement("TER", "API")
SEED = 20260304
COUNT = 200
FULL_COUNT = 10_000
TEXTS = [text for text in NASTY_TEXTS if "\ud800" not in text]
ERRANDS = (
    "find_piece", "find_work_order", "find_station", "find_approval", "restore_session",
    "override_step_order", "order_rework", "decide_piece", "approve_request", "append_to_session",
    "revoke_api_key", "end_webhook_subscription", "remove_credential", "한글", "fly", "", "--",
)  # fmt: skip


@dataclass
class Terminal:
    doors: Doors
    app: Typer

    async def run(self, words: list[str]) -> tuple[int, str]:
        """Run `kyndof` in a thread: the server answers from this loop."""
        result = await asyncio.to_thread(CliRunner().invoke, self.app, words)
        assert result.exception is None or isinstance(result.exception, SystemExit), words
        return result.exit_code, result.output


@pytest.fixture
async def terminal(
    database: DatabaseUrls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Terminal]:
    monkeypatch.setenv("KYNDOF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KYNDOF_LOGIN_PATH", str(tmp_path / "config" / "login.json"))
    monkeypatch.setitem(say.__dict__, "language", "ko")
    async with doors_over(database, tmp_path) as doors:
        server = HttpServer(doors.app, "127.0.0.1", 0, "X")
        await server.start()
        try:
            terminal = Terminal(doors, build_terminal(terminal_doors()))
            where = f"http://127.0.0.1:{server.port}"
            key = doors.proofs[0]["x-api-key"]
            code, output = await terminal.run(["login", "--server", where, "--key", key])
            assert code == 0, output
            yield terminal
        finally:
            await server.stop()


def line(chance: random.Random, others: dict[str, str]) -> list[str]:
    """Return words with at least one thing wrong with them."""
    errand = chance.choice(ERRANDS)
    text = chance.choice([*TEXTS, *others.values()])
    verb = "ask" if errand.startswith(("find", "restore")) else "do"
    name = chance.choice(["piece_id", "work_order_id", "session_id", "reason", "한글", "x" * 99])
    wrong = [
        [verb, errand, f"--{name}", text, "--unknown_field", text],
        [verb, errand, "--payload", json.dumps({name: text, "unknown_field": 1})],
        [verb, errand, "--payload", chance.choice(["{", "[]", "1", "한글", '{"a": NaN}'])],
        [verb, errand, "--payload", json.dumps({"unknown": _json_safe(chance)})],
        [verb, errand, f"--{name}"],
        [chance.choice(["한글", "fly", "--한글", "key", "do"]), text],
        ["key", "create", "--한글", text],
        ["ask", "--nothing-like-it"],
    ]
    return chance.choice(wrong)


def _json_safe(chance: random.Random) -> object:
    value = chance.choice(NASTY_VALUES)
    return "한글" if value == "\ud800" else value


async def fuzz(terminal: Terminal, count: int) -> Counter[int]:
    chance, codes = random.Random(SEED), Counter[int]()  # noqa: S311  repeatable on purpose
    before = await terminal.doors.rows()
    for _ in range(count):
        words = line(chance, terminal.doors.others)
        code, output = await terminal.run(words)
        shown = f"{words} -> {code} {output[:500]}"
        assert code != 0, shown
        assert "Traceback" not in output, shown
        assert "INTERNAL_ERROR" not in output, shown
        assert output.strip(), shown
        codes[code] += 1
    assert await terminal.doors.rows() == before
    return codes


async def test_many_wrong_command_lines_are_refused_and_write_nothing(terminal: Terminal) -> None:
    codes = await fuzz(terminal, COUNT)
    assert len(codes) >= 2, codes


@pytest.mark.soak
@pytest.mark.timeout(3000)
async def test_ten_thousand_wrong_command_lines_are_refused_and_write_nothing(
    terminal: Terminal,
) -> None:
    codes = await fuzz(terminal, FULL_COUNT)
    assert sum(codes.values()) == FULL_COUNT
