"""Log lines that stations were asked for, in PostgreSQL."""

import json
from collections.abc import Callable
from dataclasses import asdict

import asyncpg

from cloud.stations.commands import LogLine
from cloud.stations.ports import StationLogStore
from cloud.stations.queries import StationLogsView


class PostgresStationLogStore:
    """Implements ``StationLogStore`` for one organization."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def find(self, station_id: str, station_name: str) -> StationLogsView:
        """Return it; an empty one where nobody ever asked."""
        row = await self._connection.fetchrow(
            """SELECT log_request_id, asked_by, asked_at, answered_at, lines::text AS lines,
                      left_out_count, refusal
               FROM station_logs WHERE organization_id = $1 AND station_id = $2""",
            self._organization_id,
            station_id,
        )
        if row is None:
            return StationLogsView(station_id=station_id, station_name=station_name)
        facts = dict(row)
        lines = tuple(LogLine(**line) for line in json.loads(facts.pop("lines")))
        return StationLogsView(
            station_id=station_id, station_name=station_name, lines=lines, **facts
        )

    async def keep(self, logs: StationLogsView) -> None:
        """Put it in the place of the one before."""
        await self._connection.execute(
            """INSERT INTO station_logs
                 (organization_id, station_id, log_request_id, asked_by, asked_at, answered_at,
                  lines, left_out_count, refusal)
               VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8, $9)
               ON CONFLICT (organization_id, station_id) DO UPDATE SET
                 log_request_id = excluded.log_request_id, asked_by = excluded.asked_by,
                 asked_at = excluded.asked_at, answered_at = excluded.answered_at,
                 lines = excluded.lines, left_out_count = excluded.left_out_count,
                 refusal = excluded.refusal""",
            self._organization_id,
            logs.station_id,
            logs.log_request_id,
            logs.asked_by,
            logs.asked_at,
            logs.answered_at,
            json.dumps([asdict(line) for line in logs.lines]),
            logs.left_out_count,
            logs.refusal,
        )


STORES: dict[type, Callable[[asyncpg.Connection, str], object]] = {
    StationLogStore: PostgresStationLogStore,
}
