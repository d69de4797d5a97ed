"""What several handlers begin with."""

from datetime import datetime

from cloud.commands.errors import ForbiddenError
from cloud.commands.ports import UnitOfWork
from cloud.stations.errors import StationRevokedError, StationUnknownError
from cloud.stations.ports import StationStore
from cloud.stations.queries import SnapshotView, StationView
from cloud.stations.station import Station, StationState, StationStatus


def acts_for_itself(station_id: str, unit: UnitOfWork) -> None:
    """Refuse a station that speaks for another one."""
    user = unit.context.user
    if user.startswith("station:") and user != f"station:{station_id}":
        raise ForbiddenError("a station speaks for itself only")


async def station_of(
    station_id: str, unit: UnitOfWork, *, lock: bool = False, revoked_too: bool = False
) -> Station:
    """Return a station that is not shut out; ``revoked_too`` takes those as well.

    Raises:
        StationUnknownError: no such station.
        StationRevokedError: it is shut out.
    """
    station = await unit.store(StationStore).find(station_id, lock=lock)
    if station is None:
        raise StationUnknownError("no such station", station_id=station_id)
    if station.status is StationStatus.REVOKED and not revoked_too:
        raise StationRevokedError("the station is shut out", station_id=station_id)
    return station


def station_view(station: Station, state: StationState | None, now: datetime) -> StationView:
    """Show a station and, where it ever said so, what it shows."""
    shown = None
    if state is not None:
        shown = SnapshotView(
            worker=state.worker,
            piece_id=state.piece_id,
            step_id=state.step_id,
            phase=state.phase,
            alarms=tuple(code for code, _ in state.alarms),
            finished_count=state.finished_count,
            failed_count=state.failed_count,
            spool_count=state.spool_count,
            camera=state.camera,
            bundle=state.bundle,
            package_digest=state.package_digest,
        )
    return StationView(
        station_id=station.station_id,
        name=station.name,
        title_ko=station.title_ko,
        title_en=station.title_en,
        stages=station.stages,
        status=station.status.value,
        enrolled=station.status is StationStatus.ENROLLED,
        online=station.is_online(now),
        last_seen_at=station.last_seen_at,
        snapshot=shown,
    )
