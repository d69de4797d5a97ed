"""What people teach at one station reaches the others, and nothing that is wrong does."""

import asyncio
import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from kyndof_wire.fleet.v1 import fleet_pb2
from kyndof_wire.floor.v1 import floor_pb2
from kyndof_wire.sync.v1 import sync_pb2
from ulid import ULID

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.production.work_order import PieceDraft
from cloud.stations.queries import StationKey
from edge.inspection.prototypes import Prototypes
from tests.fakes.core import DEMO, OTHER, context_of
from tests.fakes.intake import IntakeWorld, floor_event, intake_over
from tests.fakes.production import wish
from tests.interfaces.test_projector import Floor, projecting

pytestmark = [pytest.mark.requirement("DEF", "SYN"), pytest.mark.timeout(90)]
LEAD = context_of("lead@demo.example")
BUNDLE = "ab" * 32
HOLE = np.linspace(0.1, 1, 48)
PIECES = tuple(PieceDraft(number=n, size="M") for n in range(1, 5))
MORNING = datetime(2026, 5, 4, 12, tzinfo=UTC)


def numbers(of: np.ndarray = HOLE, shake: int = 0) -> bytes:
    return (of + np.random.default_rng(shake).normal(0, 0.01, len(of))).astype("<f4").tobytes()


def naming(inspection_id: str, kind: str, minute: int = 0, **more: object) -> sync_pb2.Event:
    told = {
        "inspection_id": inspection_id,
        "finding_index": 0,
        "kind": kind,
        "bundle_digest": BUNDLE,
        "description": numbers(shake=minute) if kind else b"",
        **more,
    }
    event = floor_event("flaw_named", floor_pb2.FlawNamed(**told), worker="lead@demo.example")
    event.occurred_at.FromDatetime(MORNING + timedelta(minutes=minute))
    return event


class Factory:
    """Two stations of an organization, one of another, and pieces with a finding each."""

    def __init__(self, world: IntakeWorld, floors: list[Floor]) -> None:
        self.world, self.floors = world, floors

    async def found(self, number: int, at: int = 0) -> str:
        """Let a station find a flaw in a piece; return the inspection."""
        floor = self.floors[at]
        begun = floor.started(number)
        inspected, done = floor.inspected_and_finished(number, verdict="REVIEW")
        await floor.say(begun, inspected, done, outbox_id=f"outbox-{at}")
        return floor_pb2.InspectionRecorded.FromString(inspected.payload).inspection_id

    async def say(self, *events: sync_pb2.Event, at: int = 0) -> None:
        await self.floors[at].say(*events, outbox_id=f"outbox-{at}")

    async def settled(self) -> None:
        await self.floors[0].settled()

    async def package(self, at: int = 0) -> fleet_pb2.WorkPackage:
        """What a station is given now."""
        key = StationKey(
            organization_id=OTHER if at == 2 else DEMO,
            station_id=self.floors[at].station.station_id,
        )
        self.world.desired.change(key.organization_id)
        wished = await self.world.desired.wish(key)
        content = await self.world.desired.package(key, wished.work_digest)
        assert content is not None
        return fleet_pb2.WorkPackage.FromString(content)

    async def kinds(self, at: int = 0) -> list[tuple[str, ...]]:
        package = await self.package(at)
        return [Prototypes.from_bytes(one).kinds for one in package.learned_kinds.prototypes]


@pytest.fixture
async def factory(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[Factory]:
    async with intake_over(database, tmp_path) as world:
        order = await world.core.bus.send(wish(pieces=PIECES), LEAD)
        floors = []
        for name, organization in (("CUT-01", DEMO), ("CUT-02", DEMO), ("CUT-01", OTHER)):
            station, device = await world.enrolled(name, organization)
            floors.append(Floor(world, station, device, order))
        async with projecting(world):
            yield Factory(world, floors)


async def test_a_kind_named_at_two_stations_at_once_is_known_at_every_station(
    factory: Factory,
) -> None:
    found = [await factory.found(n, at=n % 2) for n in range(4)]
    await factory.settled()
    assert await factory.kinds(1) == []
    await asyncio.gather(
        factory.say(naming(found[0], "작은 구멍"), naming(found[2], "작은 구멍", 1)),
        factory.say(naming(found[1], "작은 구멍"), naming(found[3], "stain", 1), at=1),
    )
    await factory.settled()
    assert await factory.kinds(0) == await factory.kinds(1) == [("작은 구멍",)]
    package = await factory.package(0)
    assert package.learned_kinds.own_count == 2
    (kinds,) = package.learned_kinds.prototypes
    assert Prototypes.from_bytes(kinds).bundle_digest == BUNDLE
    told = Prototypes.from_bytes(kinds).name(np.frombuffer(numbers(shake=99), "<f4"))
    assert told.kind == "작은 구멍"
    assert await factory.kinds(2) == []
    assert await factory.floors[0].disputes() == []


async def test_the_newest_word_on_a_finding_counts_and_one_taken_back_does_not(
    factory: Factory,
) -> None:
    found = [await factory.found(n) for n in range(4)]
    await factory.say(*(naming(one, "hole", n) for n, one in enumerate(found)))
    await factory.settled()
    assert await factory.kinds(1) == [("hole",)]
    await factory.say(naming(found[0], "stain", 10), naming(found[0], "hole", 9))
    await factory.settled()
    assert await factory.kinds(1) == [("hole",)]
    await factory.say(naming(found[1], "", 11))
    await factory.settled()
    assert await factory.kinds(1) == [()]
    await factory.say(naming(found[1], "hole", 12))
    await factory.settled()
    assert await factory.kinds(1) == [("hole",)]
    assert (await factory.package(0)).learned_kinds.own_count == 8


async def test_a_naming_told_twice_is_kept_once(factory: Factory) -> None:
    found = await factory.found(0)
    told = naming(found, "hole")
    await factory.say(told)
    await factory.settled()
    await factory.floors[0].say(told, outbox_id="outbox-restored")
    await factory.settled()
    assert len(await factory.world.rows("SELECT 1 FROM flaw_namings")) == 1
    assert await factory.floors[0].disputes() == []


WRONG = (
    ({"finding_index": 1}, "FINDING_UNKNOWN"),
    ({"finding_index": 2**32 - 1}, "FINDING_UNKNOWN"),
    ({"inspection_id": f"ins_{ULID()}"}, "FINDING_UNKNOWN"),
    ({"description": b"\0" * 191}, "NAMING_INVALID"),
    ({"description": b""}, "NAMING_INVALID"),
    ({"description": b"\0" * 4 * 129}, "NAMING_INVALID"),
    ({"description": struct.pack("<f", float("nan")) * 48}, "NAMING_INVALID"),
    ({"bundle_digest": "cd" * 32}, "NAMING_INVALID"),
    ({"kind": "unknown_anomaly"}, "NAMING_INVALID"),
    ({"kind": "<b>hole</b>"}, "NAMING_INVALID"),
    ({"kind": "x" * 41}, "NAMING_INVALID"),
)


async def test_a_naming_that_cannot_be_is_put_before_a_person_and_teaches_nothing(
    factory: Factory,
) -> None:
    found = [await factory.found(n) for n in range(4)]
    await factory.say(*(naming(one, "hole", n) for n, one in enumerate(found[:3])))
    await factory.settled()
    before = (await factory.package(1)).learned_kinds
    await factory.say(
        *(naming(**{"inspection_id": found[3], "kind": "hole", **wrong}) for wrong, _ in WRONG)
    )
    await factory.settled()
    disputed = await factory.floors[0].disputes()
    assert disputed == [("flaw_named", code) for _, code in reversed(WRONG)]
    assert (await factory.package(1)).learned_kinds == before


async def test_a_description_of_another_length_than_the_others_is_left_out(
    factory: Factory,
) -> None:
    found = [await factory.found(n) for n in range(4)]
    await factory.say(*(naming(one, "hole", n) for n, one in enumerate(found[:3])))
    await factory.say(naming(found[3], "hole", 9, description=numbers(HOLE[:7])))
    await factory.settled()
    (kinds,) = (await factory.package(1)).learned_kinds.prototypes
    assert Prototypes.from_bytes(kinds).means.shape == (1, 48)


async def test_another_organizations_station_names_nothing_here(factory: Factory) -> None:
    found = [await factory.found(n) for n in range(3)]
    await factory.settled()
    await factory.say(*(naming(one, "hole", n) for n, one in enumerate(found)), at=2)
    await factory.settled()
    assert await factory.kinds(0) == await factory.kinds(2) == []
    assert await factory.world.rows("SELECT 1 FROM flaw_namings") == []
