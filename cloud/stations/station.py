"""A station: a named place on the floor with a camera, and what it shows."""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from cloud.stations.commands import RecordStationState
from cloud.stations.errors import StationInvalidError

#: A station that was silent for longer is offline.
SILENCE = timedelta(seconds=15)

_NAME = re.compile(r"[A-Z0-9-]{2,20}")
_STAGE = re.compile(r"[A-Z]{2,8}")


class StationStatus(StrEnum):
    """Where a station stands in its life."""

    REGISTERED = "REGISTERED"
    ENROLLED = "ENROLLED"
    REVOKED = "REVOKED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A station of one organization."""

    station_id: str
    name: str
    stages: tuple[str, ...]
    title_ko: str
    title_en: str
    status: StationStatus
    registered_at: datetime
    online: bool = False
    last_seen_at: datetime | None = None

    def is_online(self, now: datetime) -> bool:
        """Say whether the station was heard a moment ago; a stale mark does not count."""
        return self.online and self.last_seen_at is not None and now - self.last_seen_at < SILENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class StationState:
    """What a station shows, put together from its snapshots and its events."""

    worker: str = ""
    piece_id: str = ""
    step_id: str = ""
    phase: str = ""
    alarms: tuple[tuple[str, str], ...] = ()
    finished_count: int = 0
    failed_count: int = 0
    spool_count: int = 0
    bundle: str = ""
    package_digest: str = ""
    camera: str = ""
    snapshot_epoch: int = 0
    snapshot_seq: int = 0

    def looks_like(self, other: "StationState") -> bool:
        """Say whether a person would see no difference.

        Counters of the spool and places in streams are not seen.
        """
        return _visible(self) == _visible(other)


def _visible(state: StationState) -> StationState:
    return replace(state, spool_count=0, package_digest="", snapshot_epoch=0, snapshot_seq=0)


def check_station(name: str, stages: tuple[str, ...], title_ko: str, title_en: str) -> None:
    """Refuse a station that nobody could find or use.

    Raises:
        StationInvalidError: name, stages or titles are not usable.
    """
    if not _NAME.fullmatch(name):
        raise StationInvalidError(
            "a station's name has 2 to 20 capitals, digits and hyphens", field="name", actual=name
        )
    if not stages or len(set(stages)) != len(stages):
        raise StationInvalidError("a station takes at least one stage, each once", field="stages")
    wrong = [stage for stage in stages if not _STAGE.fullmatch(stage)]
    if wrong:
        raise StationInvalidError("a stage has 2 to 8 capitals", field="stages", actual=wrong)
    if not title_ko.strip() or not title_en.strip():
        raise StationInvalidError("a station has a title in both languages", field="title_ko")


def merge_state(state: StationState, news: RecordStationState) -> StationState:
    """Return what the station shows after ``news``.

    Snapshots travel on a stream of their own and never wait behind history. So once a station has
    sent one, only a newer snapshot changes who is there and which alarms are on; events that come
    late from a backlog add an alarm's detail and nothing else.
    """
    details = {change.code: change.detail for change in news.alarms if change.raised}
    if state.snapshot_epoch == 0 and news.snapshot is None:
        alarms = dict(state.alarms)
        for change in news.alarms:
            alarms.pop(change.code, None)
            if change.raised:
                alarms[change.code] = change.detail
        worker = state.worker if news.worker is None else news.worker
        return replace(state, worker=worker, alarms=tuple(alarms.items()))
    known = dict(state.alarms) | details
    place = (news.epoch, news.seq)
    if news.snapshot is None or place <= (state.snapshot_epoch, state.snapshot_seq):
        return replace(state, alarms=tuple((code, known[code]) for code, _ in state.alarms))
    shown = news.snapshot
    return StationState(
        worker=shown.worker,
        piece_id=shown.piece_id,
        step_id=shown.step_id,
        phase=shown.phase,
        alarms=tuple((code, known.get(code, "")) for code in shown.alarms),
        finished_count=shown.finished_count,
        failed_count=shown.failed_count,
        spool_count=shown.spool_count,
        bundle=shown.bundle,
        package_digest=shown.package_digest,
        camera=shown.camera,
        snapshot_epoch=news.epoch,
        snapshot_seq=news.seq,
    )
