"""Notices changed registry files: its own by looking, those that others noticed by NOTIFY."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence

import asyncpg

from cloud.infrastructure.postgres.pool import DATABASE_AWAY

_log = logging.getLogger("kyndof.registry")
_CHANNEL = "kyndof_registry"
_TELL = "SELECT pg_notify('kyndof_registry', '')"


class RegistryWatch:
    """``await run()`` until cancelled; ``looks`` take over what has changed and say whether.

    A change is in use within two seconds here, and at once where another process noticed first.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        url: str,
        looks: Sequence[Callable[[], Awaitable[bool]]],
        *,
        poll_s: float = 1.0,
    ) -> None:
        self._pool = pool
        self._url = url
        self._looks = looks
        self._poll_s = poll_s
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Look whenever there may be something new."""
        listening = asyncio.create_task(self._listen(), name="registry-listen")
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._poll_s):
                        await self._woken.wait()
                self._woken.clear()
                if await self._look():
                    await self._tell()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _look(self) -> bool:
        changed = False
        for look in self._looks:
            try:
                changed = await look() or changed
            except OSError as error:
                _log.warning("the registry folder cannot be read: %s", error)
            except Exception:  # noqa: BLE001  whatever it was, what is in use stays
                _log.exception("the registry was not reloaded; what is in use stays")
        return changed

    async def _tell(self) -> None:
        try:
            await self._pool.execute(_TELL)
        except DATABASE_AWAY as error:
            _log.warning("others will notice the registry's change by themselves: %s", error)

    async def _listen(self) -> None:
        while True:
            lost = asyncio.Event()
            try:
                connection = await asyncpg.connect(self._url)
                # From here on it is closed, also when the end comes while it begins to listen.
                try:
                    connection.add_termination_listener(lambda *_, lost=lost: lost.set())
                    await connection.add_listener(_CHANNEL, lambda *_: self._woken.set())
                    self._woken.set()
                    await lost.wait()
                finally:
                    with contextlib.suppress(Exception):
                        await connection.close(timeout=1)
            except DATABASE_AWAY as error:
                _log.warning("changes of the registry are looked for, not heard of: %s", error)
            await asyncio.sleep(self._poll_s)
