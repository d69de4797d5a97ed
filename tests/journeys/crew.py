"""A crew for journeys: workers at both stations with quick hands, and the papers of the order."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.journeys.factory import STATIONS, Factory
from tests.simulators.doors import Cloud
from tests.simulators.garments import Makers, Sewing
from tests.simulators.ledger import Ledger
from tests.simulators.office import hem_pitch_mm
from tests.simulators.wardrobe import Look, Wardrobe
from tests.simulators.workers import Bench, Job, StationWorker

_PACE_S = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """Who works in a journey."""

    lead: Cloud
    designer: Cloud
    cutting: StationWorker
    inspecting: StationWorker
    ledger: Ledger
    order_id: str
    _labels: dict[str, tuple[str, tuple[str, ...]]]

    @classmethod
    async def at(cls, factory: Factory, pictures: Path, plan: dict[int, Sewing]) -> "Crew":
        """Bring everybody to the demo's work order. `plan`: first sewing by piece number."""
        lead = await factory.sign_in("lead@demo.example")
        designer = await factory.sign_in("designer@demo.example")
        badge = next(
            f"KY1:B:01K0DEM0000000000000000000:{person['badge']}"
            for person in await lead.get("/persons")
            if person["login"] == "worker@demo.example"
        )
        wardrobe, makers, ledger = Wardrobe(pictures), Makers(1, plan), Ledger(None)
        workers = []
        for name in STATIONS:
            bench = Bench(
                kiosk=await factory.kiosk(name),
                scanner=factory.scanner(name),
                table=await factory.table(name),
                wardrobe=wardrobe,
            )
            bench.table.put((await wardrobe.picture(Look(kind="cut")))[0])
            workers.append(StationWorker(bench, badge, makers, ledger, pace_s=_PACE_S, seed=1))
        order_id = (await lead.get("/work-orders"))["items"][0]["work_order_id"]
        return await cls(
            lead=lead,
            designer=designer,
            cutting=workers[0],
            inspecting=workers[1],
            ledger=ledger,
            order_id=order_id,
            _labels={},
        ).turned_to(order_id)

    async def turned_to(self, order_id: str) -> "Crew":
        """The same people at another work order."""
        labels = await self.lead.get(f"/work-orders/{order_id}/labels")
        texts = {
            "pc_" + one["text"][-26:]: (one["text"], tuple(one["lines"]))
            for one in labels["pieces"]
        }
        return replace(self, order_id=order_id, _labels=texts)

    async def order(self) -> Any:
        """The work order's table."""
        return await self.lead.get(f"/work-orders/{self.order_id}")

    async def job(self, number: int) -> Job:
        """What is to be done next with a piece, by the order's table."""
        order = await self.order()
        line = next(one for one in order["pieces"] if one["number"] == number)
        spec = next(one for one in order["specs"] if one["spec_version"] == line["spec_version"])
        code, lines = self._labels[line["piece_id"]]
        return Job(
            piece_id=line["piece_id"], number=number, order=order["number"],
            stage=line["open_stage"], attempt=line["attempt"], code=code, lines=lines,
            pitch_mm=hem_pitch_mm(spec) or 3.0,
        )  # fmt: skip
