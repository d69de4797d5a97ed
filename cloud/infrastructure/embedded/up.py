"""`kyndof up`: everything on this machine, started in order, shown live, stopped in reverse.

PostgreSQL → broker → stations → serve → worker. Stations come before the cloud on purpose: they
answer and say “등록 대기” until they are enrolled.
"""

import asyncio
import fcntl
import json
import os
import secrets
import shutil
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from cloud.infrastructure.embedded.free_ports import Door, require_free
from cloud.infrastructure.embedded.postgres import DatabaseUrls, EmbeddedPostgres
from cloud.infrastructure.embedded.supervisor import ChildSpec, Supervisor

_ORPHANS_S = 15.0


class AlreadyUpError(Exception):
    """Another `kyndof up` works in this home."""

    code = "ALREADY_UP"


class HomeUnusableError(Exception):
    """Nothing can be written into the home; the sentence names the setting."""

    code = "HOME_UNUSABLE"

    def __init__(self, home: Path, error: OSError) -> None:
        super().__init__(
            f"cannot write into {home} ({error.strerror}); set KYNDOF_HOME to another folder"
        )


class NotReadyError(Exception):
    """The cloud did not become ready; the sentence says what hinders it."""

    code = "NOT_READY"


@dataclass(frozen=True, slots=True, kw_only=True)
class StationPlan:
    """A station to run: its name, its kiosk's port, its camera and its scanner."""

    name: str
    kiosk_port: int
    camera: str
    scanner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpPlan:
    """Where everything lies and listens."""

    home: Path
    http: str
    mqtt: str
    intake: str
    enrolment: str
    stations: Sequence[StationPlan]
    doors: Sequence[Door]
    environment: Mapping[str, str]


class Front(Protocol):
    """What `up` does through the bus once the database is there."""

    async def prepare(self) -> None:
        """Load organizations, stations and the demo's work order."""
        ...

    async def join_token(self, station: str) -> dict[str, str] | None:
        """Return what ``join-token.json`` holds; None for a station that is enrolled."""
        ...

    async def login_links(self) -> list[tuple[str, str]]:
        """Return a login and its one-time link for each demo person."""
        ...

    def events(self) -> AsyncIterator[str]:
        """Yield one sentence for everything that happens from now on."""
        ...


class Screen(Protocol):
    """Shows what happens."""

    def note(self, sentence: str) -> None:
        """Show a sentence for good."""
        ...

    def event(self, sentence: str) -> None:
        """Show what happened on the floor."""
        ...

    def show(self, rows: Sequence[tuple[str, str, str, str]]) -> None:
        """Show the table of processes: name, state, process id, last trouble."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UpParts:
    """What composition hands in."""

    plan: UpPlan
    migrate: Callable[[str], Awaitable[str]]
    front: Callable[[str], AbstractAsyncContextManager[Front]]
    screen: AbstractAsyncContextManager[Screen]
    child_environment: Callable[..., dict[str, str]]
    stop_requested: Callable[[], Awaitable[None]]
    prepare_scenes: Callable[[], Awaitable[None]]


@dataclass(slots=True)
class _Running:
    postgres: EmbeddedPostgres
    supervisor: Supervisor
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


def _lock(home: Path) -> IO[str]:
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / "up.lock").open("w")
    except OSError as error:
        raise HomeUnusableError(home, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise AlreadyUpError(f"another `kyndof up` works in {home}; stop it first") from error
    return lock


async def run_up(parts: UpParts) -> None:
    """Start everything, show it, stop everything.

    Raises:
        HomeUnusableError: nothing can be written into the home.
        AlreadyUpError: another one works in this home.
        PortNotFreeError: one of the ports is taken.
        EmbeddedPostgresError: PostgreSQL cannot be started.
        NotReadyError: the cloud did not become ready in 60 s.
    """
    plan = parts.plan
    with _lock(plan.home):
        # After a kill -9 the processes of the last time need some seconds to end.
        killed = _running_file(plan.home).exists()
        await require_free(plan.doors, _ORPHANS_S if killed else 0)
        async with AsyncExitStack() as stack:
            screen = await stack.enter_async_context(parts.screen)
            # Signals count from the first moment: PostgreSQL is never left behind.
            stopping = asyncio.ensure_future(parts.stop_requested())
            starting = asyncio.create_task(_start(parts, stack, screen))
            await asyncio.wait({stopping, starting}, return_when=asyncio.FIRST_COMPLETED)
            if stopping.done():
                await _cancelled(starting)
            else:
                await _keep_up(parts, await starting, screen, stopping)
            screen.note("멈추는 중 … stopping")


async def _keep_up(
    parts: UpParts, running: "_Running", screen: Screen, stopping: asyncio.Future[None]
) -> None:
    async with AsyncExitStack() as stack:
        shown = asyncio.create_task(_show(screen, running.supervisor))
        stack.push_async_callback(_cancelled, shown)
        following = asyncio.create_task(_bring_up(parts, running, screen))
        stack.push_async_callback(_cancelled, following)
        await asyncio.wait({stopping, following}, return_when=asyncio.FIRST_COMPLETED)
        if following.done():
            following.result()


async def _start(parts: UpParts, stack: AsyncExitStack, screen: Screen) -> _Running:
    plan = parts.plan
    postgres = EmbeddedPostgres(plan.home / "postgres" / "data")
    stack.push_async_callback(postgres.stop)
    await postgres.start()
    for folder in postgres.opened_folders:
        screen.note(f"PostgreSQL runs as nobody; traverse bit set on {folder}")
    await _guard_postgres(postgres, stack)
    urls = await postgres.ensure_database("kyndof")
    await parts.migrate(urls.owner)
    _write_running(plan, urls, stack)
    supervisor = Supervisor(plan.home / "logs", parts.child_environment)
    stack.push_async_callback(supervisor.stop)
    return _Running(postgres=postgres, supervisor=supervisor)


async def _guard_postgres(postgres: EmbeddedPostgres, stack: AsyncExitStack) -> None:
    """Let a small child end PostgreSQL when this process is killed: its pipe tells it."""
    read_end, write_end = os.pipe()
    guard = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", f"read -r x <&{read_end}; [ -n \"$x\" ] || kill -INT {postgres.pid}",
        pass_fds=(read_end,), start_new_session=True,
    )  # fmt: skip
    os.close(read_end)

    async def dismiss() -> None:
        os.write(write_end, b"done\n")
        os.close(write_end)
        await guard.wait()

    stack.push_async_callback(dismiss)


def _running_file(home: Path) -> Path:
    return home / "run" / "up.json"


def _write_running(plan: UpPlan, urls: DatabaseUrls, stack: AsyncExitStack) -> None:
    """Tell other commands of this home where the database is, while it is there."""
    path = _running_file(plan.home)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    found = {"database_url": urls.app, "owner_url": urls.owner, "jobs_url": urls.jobs}
    path.write_text(json.dumps(found | {"http": plan.http}), encoding="utf-8")
    stack.callback(path.unlink, missing_ok=True)


def _station_secrets(plan: UpPlan) -> dict[str, str]:
    """Return each station's password at the broker, made once."""
    path = plan.home / "run" / "mqtt.json"
    known: dict[str, str] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    missing = [s.name for s in plan.stations if s.name not in known]
    if missing:
        known |= {name: secrets.token_urlsafe(24) for name in missing}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps(known), encoding="utf-8")
    return known


async def _bring_up(parts: UpParts, running: _Running, screen: Screen) -> None:
    plan, supervisor = parts.plan, running.supervisor
    passwords = _station_secrets(plan)
    urls = running.postgres.urls("kyndof")
    common = {**plan.environment, "KYNDOF_HOME": str(plan.home)}
    supervisor.start(
        ChildSpec(
            name="broker", module="cloud", arguments=("broker",),
            environment=common | {"KYNDOF_MQTT__USERS": json.dumps(passwords)},
        )
    )  # fmt: skip
    await parts.prepare_scenes()
    for station in plan.stations:
        supervisor.start(_station(plan, station, passwords[station.name], common))
    cloud = common | {"KYNDOF_DATABASE_URL": urls.app, "KYNDOF_DATABASE_JOBS_URL": urls.jobs}
    for name in ("serve", "worker"):
        supervisor.start(ChildSpec(name=name, module="cloud", arguments=(name,), environment=cloud))
    # The children load their code while this process prepares the demo.
    async with parts.front(urls.app) as front:
        await front.prepare()
        await _until_ready(plan, supervisor)
        for station in plan.stations:
            await _enrol(plan, station, front)
        await _greet(plan, front, screen)
        async for sentence in front.events():
            screen.event(sentence)


def _station(
    plan: UpPlan, station: StationPlan, password: str, common: Mapping[str, str]
) -> ChildSpec:
    return ChildSpec(
        name=station.name,
        module="edge",
        arguments=("run",),
        environment={
            **common,
            "KYNDOF_STATION": station.name,
            "KYNDOF_KIOSK__PORT": str(station.kiosk_port),
            "KYNDOF_CAMERA": station.camera,
            "KYNDOF_SCANNER": station.scanner,
            "KYNDOF_MQTT__URL": f"mqtt://{plan.mqtt}",
            "KYNDOF_MQTT__USERNAME": station.name,
            "KYNDOF_MQTT__PASSWORD": password,
            "KYNDOF_CLOUD__ADDRESS": plan.intake,
            "KYNDOF_CLOUD__ENROLMENT_ADDRESS": plan.enrolment,
        },
    )


async def _until_ready(plan: UpPlan, supervisor: Supervisor) -> None:
    trouble = ""
    for _ in range(600):
        trouble = await asyncio.to_thread(_readiness, plan.http)
        if not trouble:
            return
        await asyncio.sleep(0.1)
    reason = supervisor.children["serve"].reason
    raise NotReadyError(f"the cloud did not become ready in 60 s: {reason or trouble}")


def _readiness(http: str) -> str:
    try:
        with urllib.request.urlopen(f"{http}/health/ready", timeout=2) as answer:  # noqa: S310
            return "" if answer.status == 200 else str(answer.status)
    except urllib.error.HTTPError as error:
        return error.read().decode(errors="replace")
    except OSError as error:
        return str(error)


async def _enrol(plan: UpPlan, station: StationPlan, front: Front) -> None:
    home = plan.home / "stations" / station.name
    if (home / "identity" / "current" / "certificate.pem").exists():
        return
    token = await front.join_token(station.name)
    if token is None:
        return
    home.mkdir(parents=True, exist_ok=True)
    # Hidden until whole: the agent reads the file as soon as it sees its name.
    draft = home / ".join-token.json"
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(token), encoding="utf-8")
    draft.replace(home / "join-token.json")


async def _greet(plan: UpPlan, front: Front, screen: Screen) -> None:
    screen.note(f"대시보드 dashboard   {plan.http}")
    for station in plan.stations:
        screen.note(f"키오스크 kiosk {station.name:<7} http://127.0.0.1:{station.kiosk_port}")
    for login, link in await front.login_links():
        screen.note(f"{login:<24} {link}")
    screen.note("로그인 링크는 15분 동안 한 번만 열립니다 · each link opens once within 15 minutes")


async def _show(screen: Screen, supervisor: Supervisor) -> None:
    while True:
        screen.show(
            [
                (child.spec.name, child.state, str(child.pid or ""), child.reason)
                for child in supervisor.children.values()
            ]
        )
        await asyncio.sleep(0.5)


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def make_scanner(path: Path) -> None:
    """Make the named pipe that stands for a station's hand scanner."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_fifo():
        shutil.move(path, path.with_suffix(".old"))
    if not path.exists():
        os.mkfifo(path, 0o600)
