"""The agent as a child of the station, started again when it dies or falls silent."""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Mapping

from edge.infrastructure.agent_silence import AgentWords, agent_words

_LOG = logging.getLogger(__name__)
_FIRST_S, _LONGEST_S, _HEALTHY_S = 0.5, 30.0, 30.0
_GRACE_S = 3.0
#: The agent reports every second; a slow disk may hold it up.
SILENCE_S = 60.0
#: Before its first word it reads the whole outbox, and a slow machine takes long to start at all.
#: Killed meanwhile it would begin anew, and never come to its work.
START_S = 900.0


class AgentChild:
    """Runs ``kyndof-edge sync`` in a session of its own, with a pipe whose end means stop."""

    def __init__(
        self,
        environment: Callable[[int, str], Mapping[str, str]],
        silence_s: float = SILENCE_S,
        start_s: float = START_S,
    ) -> None:
        self.running = False
        self._environment = environment
        self._silence_s = silence_s
        self._start_s = start_s

    async def run(self) -> None:
        """Keep one child alive until cancelled, then end it."""
        pause_s = _FIRST_S
        while True:
            began = asyncio.get_running_loop().time()
            code = await self._once()
            lasted_s = asyncio.get_running_loop().time() - began
            pause_s = _FIRST_S if lasted_s > _HEALTHY_S else min(pause_s * 2, _LONGEST_S)
            _LOG.warning("agent ended", extra={"exit_code": code, "again_in_s": pause_s})
            await asyncio.sleep(pause_s)

    async def _once(self) -> int:
        with agent_words() as words:
            return await self._heard(words)

    async def _heard(self, words: AgentWords) -> int:
        read_end, write_end = os.pipe()
        try:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "edge",
                "sync",
                env=dict(self._environment(read_end, words.address)),
                pass_fds=(read_end,),
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except BaseException:
            os.close(write_end)
            raise
        finally:
            os.close(read_end)
        self.running = True
        silent = asyncio.create_task(self._kill_when_silent(child, words))
        try:
            return await child.wait()
        finally:
            silent.cancel()
            self.running = False
            os.close(write_end)
            await _end(child)

    async def _kill_when_silent(self, child: asyncio.subprocess.Process, words: AgentWords) -> None:
        await words.silence(self._silence_s, self._start_s)
        _LOG.error("agent hangs", extra={"silent_s": self._silence_s, "start_s": self._start_s})
        with contextlib.suppress(ProcessLookupError):
            child.kill()


async def _end(child: asyncio.subprocess.Process) -> None:
    """Let a child that lost its pipe finish, then insist."""
    if child.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    try:
        await asyncio.wait_for(child.wait(), _GRACE_S)
    except (TimeoutError, asyncio.CancelledError):
        with contextlib.suppress(ProcessLookupError):
            child.kill()


def boot_id() -> bytes:
    """Return the 16 bytes that name this start of the machine."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123
            return bytes.fromhex(file.read().strip().replace("-", ""))
    except (OSError, ValueError):
        # Elsewhere monotonic time has no name: each start of the process counts as a boot.
        return os.urandom(16)
