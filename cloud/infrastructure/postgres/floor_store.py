"""What stands beside the pieces: stations, people, counts."""

from collections.abc import Mapping
from datetime import datetime

import asyncpg

from cloud.production.queries import CurrentPiece, FloorCounts
from cloud.production.roster import PackagePerson
from cloud.production.station_day import StationDay

# Names of all stations, revoked ones too: old runs happened there.
_NAMES = "SELECT station_id, name FROM stations WHERE organization_id = $1"

# A station's name and stages.
_STATION = "SELECT name, stages FROM stations WHERE organization_id = $1 AND station_id = $2"

# Stations that take a stage.
_STATIONS_FOR = """
SELECT name FROM stations
WHERE organization_id = $1 AND $2 = ANY(stages) AND status <> 'REVOKED' ORDER BY name
"""

# The latest started and unfinished piece of each station.
_CURRENT = """
SELECT DISTINCT ON (r.start_station_id)
       r.start_station_id AS station_id, p.piece_id, p.number, w.work_order_id,
       w.number AS work_order_number, w.title_ko, w.title_en, r.step_id, s.stage, r.attempt,
       p.state, r.started_by AS worker, r.started_at
FROM step_runs r
JOIN pieces p USING (organization_id, piece_id)
JOIN work_orders w USING (organization_id, work_order_id)
JOIN steps s ON s.organization_id = r.organization_id AND s.step_id = r.step_id
WHERE r.organization_id = $1 AND p.state = 'STARTED' AND p.open_step_id = r.step_id
  AND p.attempt = r.attempt AND r.finished_at IS NULL AND r.start_station_id <> ''
ORDER BY r.start_station_id, r.started_at DESC
"""

# Pieces by state.
_COUNTS = "SELECT state, count(*) FROM pieces WHERE organization_id = $1 GROUP BY state"

# Attempts finished and failed since a moment.
_TODAY = """
SELECT count(*) AS finished, count(*) FILTER (WHERE verdict = 'FAIL') AS failed
FROM step_runs WHERE organization_id = $1 AND finished_at >= $2
"""

# The same by station.
_DAYS = """
SELECT finish_station_id AS station_id, count(*) AS finished_today_count,
       count(*) FILTER (WHERE verdict = 'FAIL') AS failed_today_count
FROM step_runs WHERE organization_id = $1 AND finished_at >= $2 AND finish_station_id <> ''
GROUP BY finish_station_id
"""

# The number of the organization's newest event.
_SEQUENCE = "SELECT event_sequence FROM organization_heads WHERE organization_id = $1"

# Badge holders.
_PEOPLE = """
SELECT login, name_ko, name_en, badge FROM persons
WHERE organization_id = $1 AND active ORDER BY login
"""


class PostgresFloorStore:
    """``FloorStore`` in one transaction."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization = organization_id

    async def station_name(self, station_id: str) -> str:
        """Return a station's name, "" when there is none."""
        row = await self._connection.fetchrow(_STATION, self._organization, station_id)
        return str(row["name"]) if row else ""

    async def station_names(self) -> Mapping[str, str]:
        """Return the names of all stations by identifier."""
        rows = await self._connection.fetch(_NAMES, self._organization)
        return {row["station_id"]: row["name"] for row in rows}

    async def station_stages(self, station_id: str) -> tuple[str, tuple[str, ...]] | None:
        """Return a station's name and the stages that it takes."""
        row = await self._connection.fetchrow(_STATION, self._organization, station_id)
        return (row["name"], tuple(row["stages"])) if row else None

    async def stations_for(self, stage: str) -> tuple[str, ...]:
        """Return the names of the stations that take ``stage``."""
        rows = await self._connection.fetch(_STATIONS_FOR, self._organization, stage)
        return tuple(row["name"] for row in rows)

    async def current(self) -> tuple[CurrentPiece, ...]:
        """Return the pieces that are in work at stations."""
        rows = await self._connection.fetch(_CURRENT, self._organization)
        return tuple(CurrentPiece(**dict(row)) for row in rows)

    async def counts(self, since: datetime) -> FloorCounts:
        """Count pieces by state, and attempts finished or failed after ``since``."""
        states = {
            row["state"]: row["count"]
            for row in await self._connection.fetch(_COUNTS, self._organization)
        }
        today = await self._connection.fetchrow(_TODAY, self._organization, since)
        return FloorCounts(
            open_count=states.get("OPEN", 0),
            started_count=states.get("STARTED", 0),
            review_count=states.get("REVIEW", 0),
            rework_count=states.get("REWORK", 0),
            quarantine_count=states.get("QUARANTINE", 0),
            escalated_count=states.get("ESCALATED", 0),
            done_count=states.get("DONE", 0),
            scrapped_count=states.get("SCRAPPED", 0),
            finished_today_count=today["finished"] if today else 0,
            failed_today_count=today["failed"] if today else 0,
        )

    async def days(self, since: datetime) -> tuple[StationDay, ...]:
        """Count attempts finished or failed after ``since`` by the station that finished them."""
        rows = await self._connection.fetch(_DAYS, self._organization, since)
        return tuple(StationDay(**dict(row)) for row in rows)

    async def sequence(self) -> int:
        """Return the sequence of the organization's newest event."""
        return int(await self._connection.fetchval(_SEQUENCE, self._organization) or 0)


class PostgresRoster:
    """``Roster`` over the organization's persons."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization = organization_id

    async def people(self, stages: tuple[str, ...]) -> tuple[PackagePerson, ...]:
        """Return badge holders with those of ``stages`` that they may work at."""
        rows = await self._connection.fetch(_PEOPLE, self._organization)
        return tuple(
            PackagePerson(
                login=row["login"],
                name_ko=row["name_ko"],
                name_en=row["name_en"],
                badge=row["badge"],
                stages=stages,
            )
            for row in rows
        )
