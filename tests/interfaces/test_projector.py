"""Committed facts of stations, carried into production in order, refused ones kept as disputes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kyndof_wire.fleet.v1 import fleet_pb2
from kyndof_wire.floor.v1 import floor_pb2
from kyndof_wire.sync.v1 import sync_pb2
from ulid import ULID

from cloud.commands.errors import CommandError, ForbiddenError
from cloud.events.event import RecordedEvent
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.interfaces.edge_intake.accepted_disputes import AcceptedDisputes
from cloud.interfaces.edge_intake.projector import Pace, Projector
from cloud.production.queries import FindPiece, WorkOrderCreation
from cloud.stations.commands import RecordStationState, ResolveDispute
from cloud.stations.queries import FindStation, ListDisputes, StationKey, StationView
from tests.fakes.core import DEMO, context_of
from tests.fakes.intake import Device, IntakeWorld, badge_event, floor_event, intake_over
from tests.fakes.production import wish

pytestmark = [pytest.mark.requirement("SYN", "TRK"), pytest.mark.timeout(60)]
LEAD = context_of("lead@demo.example")


@asynccontextmanager
async def projecting(world: IntakeWorld, bus: Any = None) -> AsyncIterator[Projector]:
    pace = Pace(first_pause_s=0.01, longest_pause_s=0.05)
    projector = Projector(bus or world.core.bus, world.border, pace)
    task = asyncio.create_task(projector.run())
    try:
        yield projector
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Floor:
    """A station that works on a real work order."""

    def __init__(
        self, world: IntakeWorld, station: StationView, device: Device, order: WorkOrderCreation
    ) -> None:
        self.world, self.station, self.device, self.order = world, station, device, order

    def started(self, piece: int = 0, step: int = 0, **more: object) -> sync_pb2.Event:
        return floor_event(
            "step_started",
            floor_pb2.StepStarted(
                piece_id=self.order.piece_ids[piece],
                step_id=self.order.step_ids[step],
                stage=("CUT", "SEW", "QC")[step],
                spec_version=self.order.spec_version,
                attempt=1,
                reader="hid",
            ),
            **more,
        )

    def inspected_and_finished(
        self, piece: int = 0, step: int = 0, verdict: str = "PASS"
    ) -> list[sync_pb2.Event]:
        about = {
            "piece_id": self.order.piece_ids[piece],
            "step_id": self.order.step_ids[step],
            "stage": ("CUT", "SEW", "QC")[step],
            "spec_version": self.order.spec_version,
            "attempt": 1,
            "inspection_id": f"ins_{ULID()}",
            "verdict": verdict,
        }
        inspection = floor_pb2.InspectionRecorded(
            **about,
            anomaly_score=0.25,
            threshold_score=0.5,
            bundle="base@1",
            bundle_digest="ab" * 32,
            style="demo-bodice",
            frame_width_px=4000,
            frame_height_px=3000,
            elapsed_ms=400.5,
            picture_sha256=bytes(range(32)),
            anomaly_map=floor_pb2.AnomalyMap(width=2, height=2, values=b"\x00\x01\x02\xff"),
            findings=[
                floor_pb2.Finding(
                    defect_class="unknown_anomaly",
                    score=0.6,
                    polygon_px=[floor_pb2.Point(x_px=1.5, y_px=2.5)],
                    area_px=9.0,
                    severity="minor",
                )
            ],
            measurements=[
                floor_pb2.Measurement(
                    name="length",
                    nominal_mm=500.0,
                    lower_mm=-5.0,
                    upper_mm=5.0,
                    value_mm=502.0,
                    uncertainty_mm=0.9,
                    outcome="PASS",
                    severity="major",
                    from_px=floor_pb2.Point(x_px=1.0, y_px=2.0),
                )
            ],
            stitches=[
                floor_pb2.StitchReading(
                    seam="hem",
                    nominal_mm=3.0,
                    lower_mm=-0.3,
                    upper_mm=0.3,
                    outcome="CANNOT_MEASURE",
                    reason="tags_hidden",
                    severity="major",
                )
            ],
        )
        return [
            floor_event("inspection_recorded", inspection),
            floor_event("step_finished", floor_pb2.StepFinished(**about)),
        ]

    async def say(self, *events: sync_pb2.Event, outbox_id: str = "outbox-1") -> None:
        async with self.world.talk(self.device) as talk:
            await talk.hello(outbox_id)
            position = next(p for p in talk.welcome.resume_after if p.stream == "events")
            await talk.batch(position.seq + 1, list(events), position.digest)

    async def show(self, **snapshot: Any) -> None:
        async with self.world.talk(self.device) as talk:
            await talk.hello()
            position = next(p for p in talk.welcome.resume_after if p.stream == "state")
            message = floor_pb2.StationSnapshot(**snapshot)
            event = floor_event("station_snapshot", message, stream="state")
            await talk.send(
                batch=sync_pb2.EventBatch(
                    stream="state", first_seq=position.seq + 1, events=[event]
                )
            )
            await talk.hear()

    async def piece(self, piece: int = 0) -> Any:
        return await self.world.core.bus.ask(FindPiece(piece_id=self.order.piece_ids[piece]), LEAD)

    async def disputes(self) -> list[tuple[str, str]]:
        found = await self.world.core.bus.ask(ListDisputes(), LEAD)
        return [(dispute.type, dispute.code) for dispute in found]

    async def settled(self) -> None:
        """Wait until everything committed was projected."""
        for _ in range(1500):
            if not await self.world.border.backlog():
                return
            await asyncio.sleep(0.02)
        raise AssertionError("the projector did not catch up")


@pytest.fixture
async def floor(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[Floor]:
    async with intake_over(database, tmp_path) as world:
        station, device = await world.enrolled()
        order = await world.core.bus.send(wish(), LEAD)
        yield Floor(world, station, device, order)


async def test_a_piece_moves_on_when_its_station_says_so(floor: Floor) -> None:
    async with projecting(floor.world):
        await floor.say(badge_event(), floor.started(), *floor.inspected_and_finished())
        await floor.settled()
    piece = await floor.piece()
    assert piece.open_stage == "SEW"
    (inspection,) = piece.inspections
    assert inspection.measurements[0].value_mm == 502.0
    assert inspection.measurements[0].from_px.x_px == 1.0
    assert inspection.measurements[0].to_px is None
    assert inspection.findings[0].area_mm2 is None
    assert inspection.stitches[0].pitch_mm is None
    assert inspection.picture_sha256 == bytes(range(32)).hex()
    assert [line.worker for line in piece.history] == ["worker@demo.example"] * 2
    assert await floor.disputes() == []


async def test_what_was_committed_while_nobody_projected_is_found(floor: Floor) -> None:
    await floor.say(floor.started())
    async with projecting(floor.world):
        await floor.settled()
    assert (await floor.piece()).state == "STARTED"


async def test_facts_that_concern_no_room_are_passed_over_wherever_they_lie(floor: Floor) -> None:
    def refused() -> sync_pb2.Event:
        return floor_event("scan_refused", floor_pb2.ScanRefused(text="?", code="CODE_FOREIGN"))

    unreadable = badge_event()
    unreadable.type = "never_heard_of"
    done = floor.inspected_and_finished()
    await floor.say(refused(), floor.started(), unreadable, refused(), *done, refused())
    async with projecting(floor.world):
        await floor.settled()
    piece = await floor.piece()
    assert (piece.open_stage, len(piece.inspections)) == ("SEW", 1)
    (position,) = await floor.world.rows(
        "SELECT projected_seq FROM station_projections WHERE stream = 'events'"
    )
    assert position["projected_seq"] == 7
    # With nothing else in between, they are passed over as a whole.
    await floor.say(*(refused() for _ in range(5)))
    async with projecting(floor.world):
        await floor.settled()


async def test_a_lost_notification_is_made_up_for(floor: Floor) -> None:
    async with projecting(floor.world):
        await asyncio.sleep(0.1)
        connection = await floor.world.core.pool.acquire()
        try:
            # Rows that come without a word, as when the listening connection was down.
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
            )
        finally:
            await floor.world.core.pool.release(connection)
        await floor.say(floor.started())
        await floor.settled()
    assert (await floor.piece()).state == "STARTED"


async def test_the_same_fact_under_a_new_epoch_takes_effect_once(floor: Floor) -> None:
    events = [floor.started(), *floor.inspected_and_finished()]
    async with projecting(floor.world):
        await floor.say(*events)
        await floor.say(*events, outbox_id="outbox-2")
        await floor.settled()
    assert [line.kind for line in (await floor.piece()).history] == [
        "step_started",
        "step_finished",
    ]
    assert await floor.disputes() == []


async def test_a_refused_fact_is_disputed_and_stops_nothing(floor: Floor) -> None:
    unknown = floor.started()
    message = floor_pb2.StepStarted.FromString(unknown.payload)
    message.piece_id = f"pc_{ULID()}"
    unknown.payload = message.SerializeToString()
    async with projecting(floor.world):
        await floor.say(unknown, floor.started(), *floor.inspected_and_finished(verdict="MAYBE"))
        await floor.settled()
    assert (await floor.piece()).state == "STARTED"
    assert sorted(await floor.disputes()) == [
        ("inspection_recorded", "PAYLOAD_INVALID"),
        ("step_finished", "PAYLOAD_INVALID"),
        ("step_started", "PIECE_UNKNOWN"),
    ]
    told = await floor.world.rows("SELECT 1 FROM events WHERE type = 'station_event_disputed'")
    assert len(told) == 3


async def test_a_dispute_is_decided_once_with_a_reason(floor: Floor) -> None:
    async with projecting(floor.world):
        await floor.say(*floor.inspected_and_finished(verdict="MAYBE")[:1])
        await floor.settled()
    bus = floor.world.core.bus
    (dispute,) = await bus.ask(ListDisputes(), LEAD)
    decide = ResolveDispute(event_id=dispute.event_id, decision="REJECTED", reason="")
    with pytest.raises(CommandError, match="say why"):
        await bus.send(decide, LEAD)
    decided = await bus.send(replace(decide, reason="a test picture"), LEAD)
    assert (decided.decision, decided.resolved_by) == ("REJECTED", "lead@demo.example")
    assert decided.outcome == ""
    with pytest.raises(CommandError, match="decided before"):
        await bus.send(replace(decide, reason="again"), LEAD)
    assert await bus.ask(ListDisputes(), LEAD) == ()
    assert len(await bus.ask(ListDisputes(open_only=False), LEAD)) == 1


def foreign(event: sync_pb2.Event) -> sync_pb2.Event:
    """Let somebody have done it whose badge may not: nobody of that login."""
    event.worker = "designer@demo.example"
    return event


class GuardedBus:
    """A bus that takes nothing of a designer, as the matrix says."""

    def __init__(self, bus: Any) -> None:
        self._bus = bus

    async def send(self, command: Any, context: Any) -> Any:
        if context.user == "designer@demo.example":
            raise ForbiddenError("no right to this stage")
        return await self._bus.send(command, context)

    async def ask(self, query: Any, context: Any) -> Any:
        return await self._bus.ask(query, context)


async def decided(floor: Floor, *, decision: str = "ACCEPTED", by: Any = LEAD) -> list[Any]:
    """Decide every open dispute and let the relay's subscriber hear of it, twice."""
    bus = floor.world.core.bus
    for dispute in reversed(await bus.ask(ListDisputes(), LEAD)):
        command = ResolveDispute(event_id=dispute.event_id, decision=decision, reason="I saw it")
        await bus.send(command, by)
    rows = await floor.world.rows(
        "SELECT organization_id, sequence, event_id, type, occurred_at, payload FROM events"
        " WHERE type IN ('station_dispute_resolved', 'station_dispute_accepted') ORDER BY sequence"
    )
    heard = [
        RecordedEvent(**dict(row) | {"payload": json.loads(row["payload"])})
        if isinstance(row["payload"], str)
        else RecordedEvent(**dict(row))
        for row in rows
    ]
    accepted = AcceptedDisputes(bus, floor.world.border)
    for event in [*heard, *heard]:
        await accepted.hear(event)
    return heard


async def test_an_accepted_fact_takes_effect_once_in_the_deciders_name(floor: Floor) -> None:
    facts = [floor.started(), *floor.inspected_and_finished()]
    async with projecting(floor.world, GuardedBus(floor.world.core.bus)):
        await floor.say(*(foreign(fact) for fact in facts))
        await floor.settled()
        assert (await floor.piece()).state == "OPEN"
        await decided(floor)
    piece = await floor.piece()
    assert piece.open_stage == "SEW"
    assert [line.worker for line in piece.history] == ["lead@demo.example"] * 2
    assert await floor.disputes() == []
    told = await floor.world.core.bus.ask(ListDisputes(open_only=False), LEAD)
    assert {(dispute.decision, dispute.outcome) for dispute in told} == {("ACCEPTED", "APPLIED")}
    others = await floor.world.rows(
        "SELECT payload->>'fact_type' AS fact, payload->>'accepted_by' AS login,"
        " payload->>'code' AS code FROM events WHERE type = 'station_dispute_accepted'"
        " ORDER BY sequence"
    )
    assert [(row["fact"], row["login"], row["code"]) for row in others] == [
        (fact.type, "lead@demo.example", "FORBIDDEN") for fact in facts if fact.type != "inspected"
    ]
    audited = await floor.world.rows(
        "SELECT action FROM audit_log WHERE user_login = 'lead@demo.example'"
        " AND action IN ('start_step', 'finish_step')"
    )
    assert len(audited) == 2


async def test_a_fact_that_is_still_refused_comes_back_with_the_new_reason(floor: Floor) -> None:
    unknown = floor.started()
    message = floor_pb2.StepStarted.FromString(unknown.payload)
    message.piece_id = f"pc_{ULID()}"
    unknown.payload = message.SerializeToString()
    async with projecting(floor.world, GuardedBus(floor.world.core.bus)):
        await floor.say(foreign(unknown))
        await floor.settled()
    assert await floor.disputes() == [("step_started", "FORBIDDEN")]
    await decided(floor)
    assert await floor.disputes() == [("step_started", "PIECE_UNKNOWN")]
    (dispute,) = await floor.world.core.bus.ask(ListDisputes(), LEAD)
    assert (dispute.decision, dispute.resolved_at) == (None, None)


async def test_a_rejected_fact_stays_without_effect(floor: Floor) -> None:
    async with projecting(floor.world, GuardedBus(floor.world.core.bus)):
        await floor.say(foreign(floor.started()))
        await floor.settled()
    await decided(floor, decision="REJECTED")
    assert (await floor.piece()).state == "OPEN"
    assert await floor.disputes() == []


async def test_a_package_tells_up_to_which_event_it_knows_the_stations_work(floor: Floor) -> None:
    key = StationKey(organization_id=DEMO, station_id=floor.station.station_id)
    assert await floor.world.border.watermark(key) == 0
    async with projecting(floor.world):
        await floor.say(badge_event(), floor.started())
        await floor.settled()
        first = await floor.world.desired.wish(key)
        await floor.say(badge_event(1))
        await floor.settled()
    content = await floor.world.desired.package(key, first.work_digest)
    assert content is not None
    assert fleet_pb2.WorkPackage.FromString(content).event_watermark == 2
    floor.world.desired.change(key.organization_id)
    assert await floor.world.desired.wish(key) == first, "a badge makes no other package"
    async with projecting(floor.world):
        await floor.say(*floor.inspected_and_finished())
        await floor.settled()
    assert await floor.world.border.watermark(key) == 5


class BreakingBus:
    """A bus that fails a number of times before it works."""

    def __init__(self, bus: Any, errors: list[Exception], kind: str) -> None:
        self._bus, self._errors, self._kind = bus, errors, kind
        self.sent: list[str] = []

    async def send(self, command: Any, context: Any) -> Any:
        self.sent.append(type(command).__name__)
        if type(command).__name__ == self._kind and self._errors:
            raise self._errors.pop(0)
        return await self._bus.send(command, context)

    async def ask(self, query: Any, context: Any) -> Any:
        return await self._bus.ask(query, context)


async def test_a_database_that_is_away_for_a_while_loses_nothing(floor: Floor) -> None:
    bus = BreakingBus(floor.world.core.bus, [ConnectionError("away")] * 6, "StartStep")
    async with projecting(floor.world, bus):
        await floor.say(floor.started(), *floor.inspected_and_finished())
        await floor.settled()
    assert (await floor.piece()).open_stage == "SEW"
    assert await floor.disputes() == []


async def test_a_fact_that_breaks_its_command_is_buried(floor: Floor) -> None:
    bus = BreakingBus(floor.world.core.bus, [RuntimeError("broken")] * 3, "StartStep")
    async with projecting(floor.world, bus):
        await floor.say(floor.started(), badge_event())
        await floor.settled()
    assert bus.sent.count("StartStep") == 3
    (letter,) = await floor.world.rows("SELECT seq, code, detail FROM station_dead_letters")
    assert tuple(letter) == (1, "PROJECTION_FAILED", "RuntimeError: broken")


async def test_a_shown_fact_that_cannot_be_kept_is_buried_alone(floor: Floor) -> None:
    raised = floor_event("alarm_raised", floor_pb2.AlarmRaised(code="disk_full", detail="9 %"))
    poison = floor_event("alarm_raised", floor_pb2.AlarmRaised(code="zero\0byte"))
    async with projecting(floor.world):
        await floor.say(poison, raised)
        await floor.settled()
    letters = await floor.world.rows("SELECT seq FROM station_dead_letters")
    assert [letter["seq"] for letter in letters] == [1]
    view = await floor.world.core.bus.ask(FindStation(station_id=floor.station.station_id), LEAD)
    assert view.snapshot.alarms == ("disk_full",)


async def test_the_latest_snapshot_is_shown_and_told_only_when_it_looks_different(
    floor: Floor,
) -> None:
    shown = {"worker": "worker@demo.example", "phase": "guide", "camera": "ok"}
    async with projecting(floor.world):
        await floor.show(**shown, spool_count=1)
        await floor.settled()
        await floor.show(**shown, spool_count=7)
        await floor.settled()
        await floor.show(**shown | {"phase": "verdict"}, alarms=["camera_unplugged"])
        await floor.settled()
    view = await floor.world.core.bus.ask(FindStation(station_id=floor.station.station_id), LEAD)
    assert (view.snapshot.phase, view.snapshot.alarms) == ("verdict", ("camera_unplugged",))
    told = await floor.world.rows(
        "SELECT payload->>'phase' AS phase FROM events WHERE type = 'station_state_changed'"
        " AND payload->>'phase' <> '' ORDER BY sequence"
    )
    assert {row["phase"] for row in told} == {"guide", "verdict"}


async def test_a_backlog_does_not_overwrite_what_a_snapshot_showed(floor: Floor) -> None:
    old = floor_event("badge_scanned", floor_pb2.BadgeScanned(login="earlier@demo.example"))
    async with projecting(floor.world):
        await floor.show(worker="worker@demo.example", phase="idle")
        await floor.say(old)
        await floor.settled()
    view = await floor.world.core.bus.ask(FindStation(station_id=floor.station.station_id), LEAD)
    assert view.snapshot.worker == "worker@demo.example"


async def test_a_station_cannot_speak_for_another(floor: Floor) -> None:
    other = await floor.world.register("QC-01")
    command = RecordStationState(
        station_id=other.station_id, epoch=1, seq=1, worker="lead@demo.example"
    )
    context = context_of(f"station:{floor.station.station_id}")
    with pytest.raises(CommandError, match="for itself"):
        await floor.world.core.bus.send(command, context)
