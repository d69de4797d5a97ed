"""What the service manager is told: ready, alive, stopping (systemd's sd_notify protocol).

The loops that do the work say that they are alive, each after a round; the manager hears of it
once every one of them has. A loop that hangs is silence, and silence is a restart. Nothing pings
by a clock of its own.
"""

import contextlib
import logging
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

_LOG = logging.getLogger(__name__)
#: No more than one word a second, however fast the loops go round.
_PAUSE_NS = 1_000_000_000


class Beat(Protocol):
    """Takes a loop's word that it has done a round."""

    def beat(self, loop: str) -> None:
        """Note one round of a loop."""
        ...


class NoManager:
    """Nobody asked to be told."""

    def beat(self, loop: str) -> None:
        """Do nothing."""

    def stopping(self) -> None:
        """Do nothing."""


class ServiceManager:
    """Says `READY=1` after the first round of all loops, then `WATCHDOG=1` after each further."""

    def __init__(
        self, address: str, loops: Iterable[str], monotonic_ns: Callable[[], int] | None = None
    ) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._loops = frozenset(loops)
        self._waiting = set(self._loops)
        self._monotonic_ns = monotonic_ns or time.monotonic_ns
        self._told_ns: int | None = None
        self._silent = False

    def beat(self, loop: str) -> None:
        """Note one round of a loop; tell the manager when all have done one."""
        self._waiting.discard(loop)
        now_ns = self._monotonic_ns()
        if self._waiting or (self._told_ns is not None and now_ns - self._told_ns < _PAUSE_NS):
            return
        self._say("READY=1\nWATCHDOG=1" if self._told_ns is None else "WATCHDOG=1")
        self._told_ns = now_ns
        self._waiting = set(self._loops)

    def stopping(self) -> None:
        """Say that the end is wanted."""
        self._say("STOPPING=1")

    def _say(self, words: str) -> None:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as door:
                # A manager that does not read must not hold up the work.
                door.setblocking(False)
                door.sendto(words.encode(), self._address)
            self._silent = False
        except OSError as error:
            if not self._silent:
                self._silent = True
                _LOG.warning("service manager not reached", extra={"reason": str(error)})


@contextlib.contextmanager
def service_manager(address: str, loops: Iterable[str]) -> Iterator[Beat]:
    """Give who is told, by the address that the manager gave; empty for nobody."""
    manager = ServiceManager(address, loops) if address else NoManager()
    try:
        yield manager
    finally:
        manager.stopping()
