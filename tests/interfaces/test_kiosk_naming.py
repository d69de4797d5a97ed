"""Namings at the desk: written down first, taken back, and those of all stations."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.composition import compose_inspection
from edge.inspection.prototypes import Prototypes
from edge.inspection.teaching import Lesson
from edge.settings import EdgeSettings
from edge.station.errors import DiskFullError, FindingUnknownError
from tests.fakes import station_home as home
from tests.fakes.desk import OURS, STYLE, Cloths, World, named_three_times

pytestmark = [pytest.mark.requirement("KSK", "DEF"), pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def pipeline():
    return compose_inspection(EdgeSettings())


@pytest.fixture(scope="module")
def bank(pipeline) -> bytes:
    cloths = Cloths()
    return pipeline.learn(Lesson(style=STYLE), [cloths.good() for _ in range(14)]).to_bytes()


async def test_a_naming_is_written_down_before_it_counts_and_can_be_taken_back(
    tmp_path: Path, pipeline, bank: bytes
) -> None:
    world = await World(tmp_path, pipeline).ready(bank=bank)
    await world.signed_in()
    cloths, journal = Cloths(), world.stand.journal
    piece = await named_three_times(world, cloths, OURS, 1)
    *_, inspection = (fact for fact in journal.facts if fact.type == "inspection_recorded")
    named = journal.facts[-1]
    assert (named.type, named.kind, named.finding_index) == ("flaw_named", OURS, 0)
    assert named.inspection_id == inspection.inspection_id
    assert named.bundle_digest == world.inspector.bundle_digest
    assert len(np.frombuffer(named.description, "<f4")) == 83
    assert journal.commits[-1][1].worker == "lead@demo.example"
    await world.desk.act("unname-finding", {"index": "0"})
    taken = journal.facts[-1]
    assert (taken.type, taken.kind, taken.description) == ("flaw_named", "", b"")
    assert world.desk.state()["named"] == {}
    assert [kind["count"] for kind in world.desk.state()["kinds"]] == [2]
    with pytest.raises(FindingUnknownError):
        await world.desk.act("unname-finding", {"index": "0"})
    journal.full = True
    with pytest.raises(DiskFullError):
        await world.desk.act("name-finding", {"index": "0", "kind": OURS})
    assert [kind["count"] for kind in world.desk.state()["kinds"]] == [2]
    assert "disk_full" in world.stand.station.alarms.codes()
    assert piece <= 8


async def test_what_all_stations_named_counts_as_soon_as_it_holds_the_own_namings(
    tmp_path: Path, pipeline, bank: bytes
) -> None:
    world = await World(tmp_path / "a", pipeline).ready(bank=bank)
    await world.signed_in()
    cloths = Cloths()
    await named_three_times(world, cloths, OURS, 1)
    own = (world.folder / "kinds" / "kinds.prototypes").read_bytes()
    theirs = replace(Prototypes.from_bytes(own), kinds=("남의 이름",)).to_bytes()
    frames = [cloths.flawed("hole") for _ in range(4)]
    called = []
    for count in (2, 3):
        package = home.package()
        package.roster[1].stages[:] = ["CUT", "SEW"]
        package.styles.add(name=STYLE, bank=bank)
        package.learned_kinds.prototypes.extend([b"no prototypes", theirs])
        package.learned_kinds.own_count = count
        again = World(world.settings.home, pipeline)
        await again.stand.ready(package)
        await again.signed_in()
        found = [await again.judged(frame, n) for n, frame in enumerate(frames, start=1)]
        called.append({f.defect_class for of_one in found for f in of_one})
    # While one of the own is missing there, both are asked; the first of equals answers.
    assert "남의 이름" in called[1]
    assert OURS not in called[1]
    assert called[0] & {OURS, "남의 이름"}
