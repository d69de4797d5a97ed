"""Children of `kyndof up`: started in order, started again when they die, stopped in reverse."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

LOG_LIMIT_BYTES = 20 * 1024 * 1024
LOG_FILES_COUNT = 5
_FIRST_S, _LONGEST_S, _HEALTHY_S = 0.5, 30.0, 30.0
_GRACE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """What to run: ``python -m module arguments`` with these variables over our own."""

    name: str
    module: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]


class RotatingLog:
    """A log file of at most 20 MB, with four older ones beside it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")

    def write(self, line: bytes) -> None:
        """Append one line; begin a new file when this one is full."""
        if self._file.tell() + len(line) > LOG_LIMIT_BYTES:
            self._file.close()
            for number in range(LOG_FILES_COUNT - 1, 0, -1):
                older = self._path.with_suffix(f".jsonl.{number}")
                newer = self._path.with_suffix(f".jsonl.{number - 1}") if number > 1 else self._path
                if newer.exists():
                    newer.replace(older)
            self._file = self._path.open("ab")
        self._file.write(line)
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(slots=True)
class Child:
    """One supervised process. ``state`` is what the table shows."""

    spec: ChildSpec
    log: RotatingLog
    environment: Callable[..., dict[str, str]]
    state: str = "starting"
    pid: int = 0
    restarts: int = 0
    reason: str = ""
    _process: asyncio.subprocess.Process | None = None
    _keeper: asyncio.Task[None] | None = field(default=None)
    _pipe: int = -1
    _last_words: str = ""

    def start(self) -> None:
        """Begin to keep the process alive."""
        self._keeper = asyncio.create_task(self._keep(), name=f"keep-{self.spec.name}")

    async def stop(self) -> None:
        """End it: the pipe closes and SIGTERM asks; after 5 s SIGKILL does not."""
        if self._keeper:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        process = self._process
        self._close_pipe()
        if process and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), _GRACE_S)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        self.state = "stopped"
        self.log.close()

    async def _keep(self) -> None:
        pause_s, loop = _FIRST_S, asyncio.get_running_loop()
        while True:
            begun = loop.time()
            code = await self._run_once()
            self.state, self.restarts = f"ended ({code})", self.restarts + 1
            self.reason = _ending(code, self._last_words)
            healthy = loop.time() - begun > _HEALTHY_S
            pause_s = _FIRST_S if healthy else min(pause_s * 2, _LONGEST_S)
            await asyncio.sleep(pause_s)

    async def _run_once(self) -> int:
        read_end, self._pipe = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", self.spec.module, *self.spec.arguments,
                env=self.environment(**self.spec.environment, KYNDOF_PARENT_PIPE=str(read_end)),
                pass_fds=(read_end,), stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
                start_new_session=True, limit=4 * 1024 * 1024,
            )  # fmt: skip
        finally:
            os.close(read_end)
        self.pid, self.state, self._last_words = self._process.pid, "running", ""
        try:
            await self._copy_output(self._process)
            return await self._process.wait()
        finally:
            if self._process.returncode is not None:
                self._close_pipe()

    async def _copy_output(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            return
        while line := await process.stdout.readline():
            self.log.write(line)
            if sentence := _sentence(line):
                self.reason = self._last_words = sentence

    def _close_pipe(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1


def _ending(code: int, last_words: str) -> str:
    """Return why a process ended, as far as it can be told from outside."""
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return last_words or f"ended with status {code}"


def _sentence(line: bytes) -> str:
    """Return what a person should read of an error line; nothing of any other line."""
    text = line.decode(errors="replace").strip()
    if not text.startswith("{"):
        return text[:200]
    try:
        entry = json.loads(text)
    except ValueError:
        return ""
    bad = entry.get("level") in {"ERROR", "CRITICAL"}
    return str(entry.get("message", ""))[:200] if bad else ""


class Supervisor:
    """Starts children in the order given and stops them in reverse."""

    def __init__(self, logs: Path, environment: Callable[..., dict[str, str]]) -> None:
        self._logs = logs
        self._environment = environment
        self.children: dict[str, Child] = {}

    def start(self, spec: ChildSpec) -> Child:
        """Start one more child."""
        log = RotatingLog(self._logs / f"{spec.name}.jsonl")
        child = Child(spec=spec, log=log, environment=self._environment)
        self.children[spec.name] = child
        child.start()
        return child

    async def stop(self) -> None:
        """Stop everything, last started first; processes of one kind need not wait in line."""
        for child in reversed(self.children.values()):
            child._close_pipe()  # noqa: SLF001  a hint to all before the first is waited for
        for child in reversed(self.children.values()):
            await child.stop()
