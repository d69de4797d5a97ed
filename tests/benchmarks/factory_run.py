"""What benchmarks on a running factory share: a home for once, an order to work on."""

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import psutil

from tests.journeys.crew import Crew
from tests.journeys.factory import Factory
from tests.simulators.office import Office

_ONLY_SEWING = [{"stage": "SEW", "requires_quality_check": False}]


@asynccontextmanager
async def running(*, demo: bool = True) -> AsyncIterator[tuple[Factory, Path]]:
    """A factory in a folder that goes with it; and a place for pictures."""
    with tempfile.TemporaryDirectory(prefix="kyndof-bench-") as folder:
        home = Path(folder)
        async with Factory.start(home / "home", demo=demo) as factory:
            yield factory, home / "pictures"


async def crew_at_order(
    factory: Factory, pictures: Path, pieces_count: int, *, only_sewing: bool = False
) -> Crew:
    """Everybody at a work order of so many pieces, all of which are sewn well."""
    crew = await Crew.at(factory, pictures, {})
    order = await crew.order()
    if only_sewing:
        order["steps"] = _ONLY_SEWING
        order["specs"] = [{"version_number": 1, "stages": []}]
    office = Office(crew.lead, crew.designer, crew.ledger)
    order_id = await office.next_order(order, pieces_count)
    return await crew.turned_to(order_id)


def quantile(values: Sequence[float], share: float) -> float:
    """A quantile of some values."""
    return float(np.quantile(np.array(values), share))


def load() -> float:
    """How busy the machine is: runnable processes over the last minute."""
    return round(psutil.getloadavg()[0], 2)
