"""Simulated workers who keep a running factory busy: `kyndof up --demo` in the same home.

python -m tests.simulators.floor --home DIR [--seed N] [--pieces N] [--pace S] [--faults]
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cloud.settings import CloudSettings, read_settings
from tests.simulators.doors import Cloud, HandScanner, Json, Kiosk, RestError, Table, TooLateError
from tests.simulators.garments import Makers
from tests.simulators.ledger import Ledger
from tests.simulators.office import Office, hem_pitch_mm
from tests.simulators.scenes import random_label_text
from tests.simulators.wardrobe import Look, Wardrobe
from tests.simulators.workers import Bench, Fault, Job, StationWorker

STAGES = {"CUT-01": ("CUT", "SEW"), "QC-01": ("QC",)}
_READY = frozenset({"OPEN", "STARTED"})
_OVER = frozenset({"DONE", "SCRAPPED"})
_LOOK_AGAIN_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How the simulation goes. `pieces_count` is for work orders after the first."""

    home: Path
    seed: int = 1
    pieces_count: int = 10
    pace_s: float = 3.0
    is_once: bool = False
    has_faults: bool = False


class FloorSimulator:
    """The whole crew: one worker a station, lead and designer at the cloud."""

    def __init__(self, wishes: Wishes, settings: CloudSettings) -> None:
        self.wishes = wishes
        self._settings = settings
        self._chance = np.random.default_rng(wishes.seed)
        folder = wishes.home / "simulator"
        self.ledger = Ledger(folder / "ledger.jsonl")
        self.makers = Makers(wishes.seed)
        self._wardrobe = Wardrobe(folder / "pictures", seed=wishes.seed)
        self._order: Json = {}
        self._codes: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._taken: set[str] = set()
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled, or until the order is done with `is_once`."""
        async with AsyncExitStack() as stack:
            office = await self._office()
            badge = await self._badge(office.lead)
            await self._open_order(office)
            live = await stack.enter_async_context(office.lead.live())
            async with asyncio.TaskGroup() as tasks:
                crew = [tasks.create_task(self._follow(live.messages))]
                for number, (name, stages) in enumerate(STAGES.items()):
                    worker = await self._worker(stack, name, badge, number)
                    crew.append(tasks.create_task(self._station(worker, stages)))
                await self._lead(office)
                for task in crew:
                    task.cancel()

    # Who is there

    async def _office(self) -> Office:
        address = await self._address()
        people = [
            await self._person(address, f"{who}@demo.example") for who in ("lead", "designer")
        ]
        return Office(people[0], people[1], self.ledger)

    async def _address(self) -> str:
        """Wait until `kyndof up` serves this home."""
        running = self.wishes.home / "run" / "up.json"
        while True:
            with contextlib.suppress(OSError, ValueError, KeyError, TimeoutError):
                address = str(json.loads(running.read_text("utf-8"))["http"])
                cloud = Cloud(address)
                if (await cloud.ready()) and self._enrolled():
                    return address
            await asyncio.sleep(0.5)

    def _enrolled(self) -> bool:
        stations = self.wishes.home / "stations"
        return all((stations / name / "packages" / "current.digest").exists() for name in STAGES)

    async def _person(self, address: str, login: str) -> Cloud:
        """Sign in as a person; the session is kept for the next start."""
        kept = self.wishes.home / "simulator" / f"{login}.session"
        cloud = Cloud(address)
        with contextlib.suppress(OSError, ValueError, RestError):
            cloud.cookies.update(json.loads(kept.read_text("utf-8")))
            await cloud.get("/me")
            return cloud
        link = await asyncio.to_thread(self._login_link, login)
        await cloud.sign_in(link)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.touch(mode=0o600)
        kept.write_text(json.dumps(cloud.cookies), encoding="utf-8")
        return cloud

    def _login_link(self, login: str) -> str:
        told = subprocess.run(
            [sys.executable, "-m", "cloud", "login-link", login, "--json"],
            env=os.environ | {"KYNDOF_HOME": str(self.wishes.home)},
            capture_output=True, check=True, timeout=120,
        )  # fmt: skip
        return str(json.loads(told.stdout)["token"])

    async def _badge(self, lead: Cloud) -> str:
        me = await lead.get("/me")
        organization = me["organization_id"].removeprefix("org_")
        for person in await lead.get("/persons"):
            if person["login"] == "worker@demo.example":
                return f"KY1:B:{organization}:{person['badge']}"
        raise LookupError("the demo's worker is not there")

    async def _worker(
        self, stack: AsyncExitStack, name: str, badge: str, number: int
    ) -> StationWorker:
        home = self.wishes.home
        port = self._settings.stations.kiosk_ports[name]
        table = await stack.enter_async_context(Table(home / "scenes" / name))
        bench = Bench(
            kiosk=await stack.enter_async_context(Kiosk(name, port)),
            scanner=HandScanner(home / "scanners" / f"{name}.fifo"),
            table=table,
            wardrobe=self._wardrobe,
        )
        picture, _ = await self._wardrobe.picture(Look(kind="empty"))
        table.put(picture)
        return StationWorker(
            bench, badge, self.makers, self.ledger,
            pace_s=self.wishes.pace_s, seed=self.wishes.seed + number,
        )  # fmt: skip

    # What there is to do

    async def _open_order(self, office: Office) -> None:
        page = await office.lead.get("/work-orders", limit=200)
        waiting = [one for one in page["items"] if one["done_count"] < one["pieces_count"]]
        chosen = (waiting or page["items"])[-1]
        await self._take_order(office, chosen["work_order_id"])

    async def _take_order(self, office: Office, work_order_id: str) -> None:
        await self._refresh(office, work_order_id)
        labels = await office.lead.get(f"/work-orders/{work_order_id}/labels")
        self._codes = {
            "pc_" + label["text"][-26:]: (label["text"], tuple(label["lines"]))
            for label in labels["pieces"]
        }

    async def _refresh(self, office: Office, work_order_id: str) -> None:
        self._order = await office.lead.get(f"/work-orders/{work_order_id}")

    async def _follow(self, messages: list[tuple[float, Json]]) -> None:
        """Wake everybody when the live view told something new."""
        seen = 0
        while True:
            if len(messages) != seen:
                seen = len(messages)
                self._changed.set()
            await asyncio.sleep(0.3)

    async def _lead(self, office: Office) -> None:
        """Keep the order in view, decide what waits, open the next one."""
        while True:
            self._changed.clear()
            try:
                await self._refresh(office, self._order["work_order_id"])
                # People come when they come: what waits for them is to be seen on the screens.
                if await office.decide(self._order, 4 * self.wishes.pace_s):
                    continue
                if all(line["state"] in _OVER for line in self._order["pieces"]):
                    if self.wishes.is_once:
                        return
                    number = await office.next_order(self._order, self.wishes.pieces_count)
                    await self._take_order(office, number)
            except (OSError, RestError, TimeoutError) as error:
                # The cloud is away; the floor goes on with what it has.
                self.ledger.note("cloud_away", why=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _LOOK_AGAIN_S)
            await asyncio.sleep(min(1.0, self.wishes.pace_s))

    def _next_job(self, stages: tuple[str, ...]) -> Job | None:
        """The piece that is furthest on its way and waits for one of these stages."""
        ready = [
            line
            for line in self._order["pieces"]
            if line["state"] in _READY
            and line["open_stage"] in stages
            and f"{line['piece_id']}{line['open_stage']}{line['attempt']}" not in self._taken
            and line["piece_id"] in self._codes
        ]
        if not ready:
            return None
        line = max(ready, key=lambda one: (stages.index(one["open_stage"]), -one["number"]))
        code, lines = self._codes[line["piece_id"]]
        specs = {spec["spec_version"]: spec for spec in self._order["specs"]}
        spec = specs.get(line["spec_version"]) or self._order["specs"][0]
        return Job(
            piece_id=line["piece_id"],
            number=line["number"],
            order=self._order["number"],
            stage=line["open_stage"],
            attempt=line["attempt"],
            code=code,
            lines=lines,
            pitch_mm=hem_pitch_mm(spec) or 3.0,
        )

    async def _station(self, worker: StationWorker, stages: tuple[str, ...]) -> None:
        while True:
            job = self._next_job(stages)
            if job is None:
                await asyncio.sleep(min(1.0, self.wishes.pace_s))
                continue
            key = f"{job.piece_id}{job.stage}{job.attempt}"
            try:
                if self._chance.random() < 0.08:
                    await self._err(worker)
                verdict = await worker.work(job, fault=self._fault())
                if verdict is None:
                    await asyncio.sleep(2 * self.wishes.pace_s)
                else:
                    # Until the cloud's table knows it too.
                    self._taken.add(key)
            except (OSError, TimeoutError, TooLateError, RestError) as error:
                self.ledger.note("trouble", station=worker.bench.kiosk.name, why=str(error))
                await asyncio.sleep(2)

    def _fault(self) -> Fault | None:
        """Now and then, where faults are wished, the camera sees nothing."""
        if not self.wishes.has_faults or self._chance.random() > 0.15:
            return None
        return "black" if self._chance.random() < 0.5 else "unplugged"

    async def _err(self, worker: StationWorker) -> None:
        """Scan something wrong, as people do."""
        name = worker.bench.kiosk.name
        elsewhere = [
            self._codes[line["piece_id"]][0]
            for line in self._order["pieces"]
            if line["state"] == "OPEN" and line["open_stage"] not in STAGES[name]
        ]
        wrong = [
            (random_label_text(self._chance), "other organization"),
            ("KY1:P:" + self._badge_organization() + ":" + "0" * 26, "unknown piece"),
            ("https://example.com/a-poster", "foreign code"),
        ] + [(text, "out of order") for text in elsewhere[:1]]
        text, why = wrong[int(self._chance.integers(len(wrong)))]
        await worker.scan_wrongly(text, why)

    def _badge_organization(self) -> str:
        return next(iter(self._codes.values()))[0].split(":")[2]


async def simulate(wishes: Wishes) -> None:
    """Run until SIGINT, SIGTERM or the end of the process that started us."""
    os.environ["KYNDOF_HOME"] = str(wishes.home)
    simulator = FloorSimulator(wishes, read_settings())
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    working = asyncio.create_task(simulator.run())
    orphaned = asyncio.create_task(_orphaned())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({working, orphaned, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (working, orphaned, stopping):
        if not task.done():
            task.cancel()
    results = await asyncio.gather(working, orphaned, stopping, return_exceptions=True)
    if isinstance(results[0], Exception):
        raise results[0]


async def _orphaned() -> None:
    """Return when whoever started us is gone."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - a parent's end sends no event
        await asyncio.sleep(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("KYNDOF_HOME", ".kyndof")))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pieces", type=int, default=10, help="pieces of each further order")
    parser.add_argument(
        "--pace", type=float, default=3.0, help="seconds that a move of hands takes"
    )
    parser.add_argument("--once", action="store_true", help="end when the order is done")
    parser.add_argument("--faults", action="store_true", help="cameras and light fail now and then")
    options = parser.parse_args()
    # The factory comes first: we are many hands, but on the same machine.
    os.nice(10)
    cv2.setNumThreads(1)
    wishes = Wishes(
        home=options.home.resolve(),
        seed=options.seed,
        pieces_count=options.pieces,
        pace_s=options.pace,
        is_once=options.once,
        has_faults=options.faults,
    )
    asyncio.run(simulate(wishes))


if __name__ == "__main__":
    main()
