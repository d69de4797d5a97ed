"""What systemd hears of the station and of the agent, on a real datagram socket."""

import asyncio
import contextlib
import os
import signal
import socket

import pytest

from edge.infrastructure.agent_silence import agent_words
from edge.infrastructure.child_process import AgentChild
from edge.infrastructure.systemd_notify import ServiceManager, service_manager
from tests.fakes.floor import environment, until
from tests.journeys.factory import family

pytestmark = pytest.mark.requirement("DEP")


class Manager:
    """The manager's end of the socket, and a clock that the test moves."""

    def __init__(self, address: str) -> None:
        self.door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.door.bind(address)
        self.door.setblocking(False)
        self.now_ns = 0

    def heard(self) -> list[str]:
        words = []
        with contextlib.suppress(BlockingIOError):
            while True:
                words.append(self.door.recv(4096).decode())
        return words

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.door.close()


@pytest.fixture
def told(tmp_path):
    with Manager(str(tmp_path / "notify")) as manager:
        yield (
            manager,
            ServiceManager(
                str(tmp_path / "notify"), ("watch", "tick"), monotonic_ns=lambda: manager.now_ns
            ),
        )


def test_ready_is_said_once_every_loop_has_done_a_round(told) -> None:
    manager, station = told
    station.beat("watch")
    station.beat("watch")
    assert manager.heard() == []
    station.beat("tick")
    assert manager.heard() == ["READY=1\nWATCHDOG=1"]


def test_one_loop_that_hangs_silences_the_watchdog_however_often_the_other_goes_round(told) -> None:
    manager, station = told
    station.beat("watch")
    station.beat("tick")
    manager.heard()
    for _ in range(100):
        manager.now_ns += 1_000_000_000
        station.beat("tick")
    assert manager.heard() == []
    station.beat("watch")
    assert manager.heard() == ["WATCHDOG=1"]


def test_the_manager_is_told_at_most_once_a_second(told) -> None:
    manager, station = told
    for _ in range(40):
        station.beat("watch")
        station.beat("tick")
        manager.now_ns += 250_000_000
    assert manager.heard() == ["READY=1\nWATCHDOG=1"] + ["WATCHDOG=1"] * 9


def test_stopping_is_said(told) -> None:
    manager, station = told
    station.stopping()
    assert manager.heard() == ["STOPPING=1"]


def test_an_abstract_address_is_reached_and_none_is_silence() -> None:
    with Manager("\0kyndof-test-" + os.urandom(6).hex()) as manager:
        address = "@" + manager.door.getsockname()[1:].decode()
        with service_manager(address, ("report",)) as told:
            told.beat("report")
        assert manager.heard() == ["READY=1\nWATCHDOG=1", "STOPPING=1"]
        with service_manager("", ("report",)) as told:
            told.beat("report")
        assert manager.heard() == []


def test_a_manager_that_is_gone_or_reads_nothing_does_not_hold_up_the_work(tmp_path) -> None:
    station = ServiceManager(str(tmp_path / "nobody"), ("tick",))
    for _ in range(3):
        station.beat("tick")
    with Manager(str(tmp_path / "deaf")):
        station = ServiceManager(str(tmp_path / "deaf"), ("tick",))
        for _ in range(2000):
            station.stopping()


async def test_an_agent_may_take_long_to_say_its_first_word_and_not_its_next() -> None:
    with agent_words() as words:
        silent = asyncio.create_task(words.silence(0.2, 600))
        await asyncio.sleep(1)
        assert not silent.done(), "it was given up before it had begun"
        with service_manager(words.address, ("report",)) as told:
            told.beat("report")
            await asyncio.wait_for(silent, 60)


async def test_an_agent_that_never_says_a_word_is_given_up() -> None:
    with agent_words() as words:
        await asyncio.wait_for(words.silence(600, 0.2), 60)


async def test_an_agent_that_hangs_is_killed_and_started_again(tmp_path) -> None:
    def surroundings(pipe: int, told: str) -> dict[str, str]:
        return environment(
            KYNDOF_HOME=str(tmp_path), KYNDOF_PARENT_PIPE=str(pipe), NOTIFY_SOCKET=told
        )

    def agents() -> list[int]:
        return family(os.getpid(), "sync")

    link = tmp_path / "stations" / "CUT-01" / "link.json"
    child = AgentChild(surroundings, silence_s=20)
    running = asyncio.create_task(child.run())
    try:
        await until(link.exists, 60)
        (first,) = agents()
        os.kill(first, signal.SIGSTOP)
        await until(lambda: agents() not in ([], [first]), 60)
    finally:
        running.cancel()
        await asyncio.wait({running})
    assert agents() == []
