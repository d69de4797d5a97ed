"""What a station shows, put together from snapshots and events that come in any order."""

import pytest

from cloud.interfaces.edge_intake.rate_limit import Rate, RateLimit
from cloud.stations.commands import AlarmChange, RecordStationState, StationSnapshot
from cloud.stations.station import StationState, merge_state
from tests.fakes.core import SetClock

pytestmark = pytest.mark.requirement("FLT")


def news(seq: int = 1, epoch: int = 1, **more: object) -> RecordStationState:
    return RecordStationState(station_id="sta", epoch=epoch, seq=seq, **more)  # type: ignore[arg-type]


def snapshot(**more: object) -> StationSnapshot:
    values: dict[str, object] = {
        "worker": "",
        "piece_id": "",
        "step_id": "",
        "phase": "idle",
        "alarms": (),
        "finished_count": 0,
        "failed_count": 0,
        "spool_count": 0,
        "bundle": "",
        "package_digest": "",
        "camera": "",
        **more,
    }
    return StationSnapshot(**values)  # type: ignore[arg-type]


RAISED = AlarmChange(code="disk_full", detail="3 % free", raised=True)
CLEARED = AlarmChange(code="disk_full", detail="", raised=False)


def test_without_a_snapshot_events_tell_who_is_there_and_what_is_wrong() -> None:
    state = merge_state(StationState(), news(worker="kim", alarms=(RAISED,)))
    assert (state.worker, state.alarms) == ("kim", (("disk_full", "3 % free"),))
    assert merge_state(state, news(worker="", alarms=(CLEARED,))) == StationState()


def test_a_snapshot_counts_more_than_events_before_and_after_it() -> None:
    state = merge_state(StationState(), news(worker="early", alarms=(RAISED,)))
    state = merge_state(state, news(snapshot=snapshot(worker="kim", alarms=("disk_full",))))
    assert (state.worker, state.alarms) == ("kim", (("disk_full", "3 % free"),))
    late = merge_state(state, news(seq=9, worker="late", alarms=(CLEARED,)))
    assert late == state


def test_an_older_snapshot_changes_nothing() -> None:
    state = merge_state(StationState(), news(5, 2, snapshot=snapshot(phase="guide")))
    assert merge_state(state, news(9, 1, snapshot=snapshot(phase="idle"))) == state
    assert merge_state(state, news(5, 2, snapshot=snapshot(phase="idle"))) == state
    assert merge_state(state, news(1, 3, snapshot=snapshot(phase="idle"))).phase == "idle"


def test_a_spool_that_grows_looks_the_same() -> None:
    state = merge_state(StationState(), news(1, snapshot=snapshot(spool_count=1)))
    fuller = merge_state(state, news(2, snapshot=snapshot(spool_count=9)))
    assert fuller.looks_like(state)
    assert not merge_state(state, news(3, snapshot=snapshot(camera="ok"))).looks_like(state)


def test_one_peer_that_knocks_too_often_takes_nothing_from_another() -> None:
    clock = SetClock()
    limit = RateLimit(
        clock,
        Rate(burst_count=2, per_minute_count=60),
        Rate(burst_count=5, per_minute_count=60),
    )
    knocks = [limit.allows(f"ipv4:10.0.0.1:{port}") for port in range(1000, 1010)]
    assert knocks == [True, True] + [False] * 8
    assert limit.allows("ipv4:10.0.0.2:1")
    clock.advance(seconds=1)
    assert limit.allows("ipv4:10.0.0.1:1")
    assert not limit.allows("ipv4:10.0.0.1:1")


def test_everybody_together_is_bounded_too() -> None:
    limit = RateLimit(
        SetClock(),
        Rate(burst_count=2, per_minute_count=1),
        Rate(burst_count=3, per_minute_count=1),
    )
    assert [limit.allows(f"ipv4:10.0.0.{n}:1") for n in range(5)] == [True] * 3 + [False] * 2
