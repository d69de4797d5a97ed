"""Rollouts, and what their stations are wished, in PostgreSQL."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import asyncpg

from cloud.rollouts.commands import RecordModelReport
from cloud.rollouts.ports import ModelWish, RolloutStore, UsualRatios
from cloud.rollouts.rollout import WAVES, RolloutRules, RolloutStage, TrialState
from cloud.rollouts.shift_test import ShiftVerdict
from cloud.rollouts.standing import (
    DECIDED,
    Participant,
    Rollout,
    RolloutTerms,
    TrialNumbers,
)
from cloud.stations.station import SILENCE

#: Over so many garments the usual share of rejects is counted, and not over fewer.
_COUNTED, _LEAST = 2_000, 100
_ROLLOUT = """r.rollout_id, r.model_digest, b.name, b.version, r.stage, r.canary_station_id,
              r.terms, r.created_by, r.created_at, r.stage_at, r.approved_by, r.approved_at,
              r.paused_stage, r.paused_at, r.shift, r.code, r.reason"""
_BEGUN = "('CANARY', 'WAVE_5', 'WAVE_25', 'WAVE_100', 'PAUSED', 'ROLLING_BACK')"

# A verdict on which somebody decided otherwise; what the machine left to people is no such one.
_OVERRULED = """i.verdict <> 'REVIEW' AND EXISTS (
           SELECT 1 FROM inspection_corrections c
           WHERE c.organization_id = i.organization_id AND c.inspection_id = i.inspection_id
             AND c.verdict <> i.verdict)"""
# What the bundle decided there by its inspections stands beside what the station counted: its own
# count may end with the trial.
_PARTICIPANTS = f"""
SELECT p.station_id, s.name AS station_name, p.wave, p.state, p.code, p.previous_digest,
       p.garments, p.rejects, p.errors, p.overrides, p.assigned_at, p.deadline_at, p.reported_at,
       p.withdrawn, coalesce(w.running_digest, '') AS running_digest,
       s.status <> 'REVOKED' AND s.online AND s.last_seen_at > $3 AS online,
       seen.garments AS seen_garments, seen.rejects AS seen_rejects,
       seen.overrides AS seen_overrides
FROM rollout_stations p
JOIN rollouts r USING (organization_id, rollout_id)
JOIN stations s USING (organization_id, station_id)
LEFT JOIN station_wishes w USING (organization_id, station_id)
LEFT JOIN LATERAL (
  SELECT count(*) AS garments, count(*) FILTER (WHERE i.verdict = 'FAIL') AS rejects,
         count(*) FILTER (WHERE {_OVERRULED}) AS overrides
  FROM inspections i
  WHERE i.organization_id = p.organization_id AND i.station_id = p.station_id
    AND i.bundle_digest = r.model_digest AND i.inspected_at >= p.assigned_at
) seen ON true
WHERE p.organization_id = $1 AND p.rollout_id = $2
ORDER BY p.position
"""  # noqa: S608  a constant
_ASSIGN = """
INSERT INTO station_wishes (organization_id, station_id, generation, work_digest, wished_at,
                            model_digest, rollout_id, trial_rules)
VALUES ($1, $2, 1, '', $3, $4, $5, $6::text::jsonb)
ON CONFLICT (organization_id, station_id) DO UPDATE SET
  generation = station_wishes.generation + 1, wished_at = excluded.wished_at,
  model_digest = excluded.model_digest, rollout_id = excluded.rollout_id,
  trial_rules = excluded.trial_rules
RETURNING generation
"""
_REMEMBER = """
UPDATE rollout_stations p SET assigned_at = $4, deadline_at = $5,
  previous_digest = coalesce(
    (SELECT coalesce(nullif(w.running_digest, ''), w.model_digest) FROM station_wishes w
     WHERE w.organization_id = $1 AND w.station_id = $3), '')
WHERE p.organization_id = $1 AND p.rollout_id = $2 AND p.station_id = $3
"""
_WITHDRAW = """
UPDATE station_wishes w SET generation = w.generation + 1, wished_at = $4,
  model_digest = p.previous_digest, rollout_id = '', trial_rules = NULL
FROM rollout_stations p
WHERE p.organization_id = $1 AND p.rollout_id = $2 AND p.station_id = ANY($3)
  AND w.organization_id = p.organization_id AND w.station_id = p.station_id
  AND w.rollout_id = p.rollout_id
"""
# A word from before the newest one, come by another way, changes nothing.
_RUNNING = """
UPDATE station_wishes SET running_digest = $3, model_observed_at = $4
WHERE organization_id = $1 AND station_id = $2 AND $5 >= coalesce(
  (SELECT max(p.observed_generation) FROM rollout_stations p
   WHERE p.organization_id = $1 AND p.station_id = $2), 0)
"""
_REPORT = """
UPDATE rollout_stations SET state = $4, code = $5, garments = $6, rejects = $7, errors = $8,
  overrides = $9, observed_generation = $10, reported_at = $11,
  previous_digest = CASE WHEN previous_digest = '' AND $12 <> $13 THEN $12
                         ELSE previous_digest END
WHERE organization_id = $1 AND rollout_id = $2 AND station_id = $3
"""


class PostgresRolloutStore:
    """Rollouts of one organization."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def add(self, rollout: Rollout, waves: dict[RolloutStage, tuple[str, ...]]) -> None:
        """Keep a new rollout."""
        await self._connection.execute(
            """INSERT INTO rollouts (organization_id, rollout_id, model_digest, stage,
                 canary_station_id, terms, created_by, created_at, stage_at, shift)
               VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7, $8, $9, $10)""",
            self._organization_id,
            rollout.rollout_id,
            rollout.model_digest,
            rollout.stage.value,
            rollout.canary_station_id,
            json.dumps(asdict(rollout.terms)),
            rollout.created_by,
            rollout.created_at,
            rollout.stage_at,
            rollout.shift.value,
        )
        places = [(station, wave.value) for wave in WAVES for station in waves[wave]]
        await self._connection.execute(
            """INSERT INTO rollout_stations (organization_id, rollout_id, station_id, position,
                                             wave)
               SELECT $1, $2, one.station_id, one.position - 1, one.wave
               FROM unnest($3::text[], $4::text[]) WITH ORDINALITY
                 AS one(station_id, wave, position)""",
            self._organization_id,
            rollout.rollout_id,
            [station for station, _ in places],
            [wave for _, wave in places],
        )

    async def find(self, rollout_id: str, *, lock: bool = False) -> Rollout | None:
        """Return a rollout; ``lock`` keeps others from changing it in this transaction."""
        row = await self._connection.fetchrow(
            f"""SELECT {_ROLLOUT} FROM rollouts r
                JOIN model_bundles b USING (organization_id, model_digest)
                WHERE r.organization_id = $1 AND r.rollout_id = $2
                {"FOR UPDATE OF r" if lock else ""}""",  # noqa: S608  both parts are constants
            self._organization_id,
            rollout_id,
        )
        return _rollout(row) if row else None

    async def save(self, rollout: Rollout) -> None:
        """Keep what changes of a rollout."""
        await self._connection.execute(
            """UPDATE rollouts SET stage = $3, stage_at = $4, approved_by = $5, approved_at = $6,
                 paused_stage = $7, paused_at = $8, shift = $9, code = $10, reason = $11
               WHERE organization_id = $1 AND rollout_id = $2""",
            self._organization_id,
            rollout.rollout_id,
            rollout.stage.value,
            rollout.stage_at,
            rollout.approved_by,
            rollout.approved_at,
            rollout.paused_stage.value if rollout.paused_stage else None,
            rollout.paused_at,
            rollout.shift.value,
            rollout.code,
            rollout.reason,
        )

    async def newest(self, limit: int, before: str) -> Sequence[tuple[Rollout, str, int]]:
        """Return rollouts with their bundle's signer and number of stations, newest first."""
        rows = await self._connection.fetch(
            f"""SELECT {_ROLLOUT}, b.signed_by,
                       (SELECT count(*) FROM rollout_stations p
                        WHERE p.organization_id = r.organization_id
                          AND p.rollout_id = r.rollout_id) AS station_count
                FROM rollouts r JOIN model_bundles b USING (organization_id, model_digest)
                WHERE r.organization_id = $1 AND ($3 = '' OR (r.created_at, r.rollout_id) <
                  (SELECT created_at, rollout_id FROM rollouts
                   WHERE organization_id = $1 AND rollout_id = $3))
                ORDER BY r.created_at DESC, r.rollout_id DESC LIMIT $2""",  # noqa: S608
            self._organization_id,
            limit,
            before,
        )
        return [(_rollout(row), row["signed_by"], row["station_count"]) for row in rows]

    async def participants(self, rollout_id: str, now: datetime) -> Sequence[Participant]:
        """Return the stations in the order of their waves."""
        rows = await self._connection.fetch(
            _PARTICIPANTS, self._organization_id, rollout_id, now - SILENCE
        )
        return [_participant(row) for row in rows]

    async def usable_stations(self, station_ids: Sequence[str]) -> dict[str, str]:
        """Return the names of those that are there and not shut out, by id."""
        rows = await self._connection.fetch(
            """SELECT station_id, name FROM stations
               WHERE organization_id = $1 AND station_id = ANY($2) AND status <> 'REVOKED'""",
            self._organization_id,
            list(station_ids),
        )
        return {row["station_id"]: row["name"] for row in rows}

    async def busy(self, station_ids: Sequence[str]) -> dict[str, str]:
        """Return the rollout of each station that has one which has begun and not ended."""
        rows = await self._connection.fetch(
            f"""SELECT p.station_id, p.rollout_id FROM rollout_stations p
                JOIN rollouts r USING (organization_id, rollout_id)
                WHERE p.organization_id = $1 AND p.station_id = ANY($2)
                  AND r.stage IN {_BEGUN}""",  # noqa: S608  a constant
            self._organization_id,
            list(station_ids),
        )
        return {row["station_id"]: row["rollout_id"] for row in rows}

    async def usual_ratios(self, station_ids: Sequence[str]) -> UsualRatios | None:
        """Count over the last garments; ``None``: there are too few."""
        row = await self._connection.fetchrow(
            f"""SELECT count(*) AS garments, count(*) FILTER (WHERE verdict = 'FAIL') AS rejects,
                       count(*) FILTER (WHERE {_OVERRULED}) AS overrides
                FROM (SELECT organization_id, inspection_id, verdict FROM inspections
                      WHERE organization_id = $1 AND station_id = ANY($2)
                      ORDER BY inspected_at DESC LIMIT $3) AS i""",  # noqa: S608  a constant
            self._organization_id,
            list(station_ids),
            _COUNTED,
        )
        if row is None or row["garments"] < _LEAST:
            return None
        return UsualRatios(
            reject_ratio=row["rejects"] / row["garments"],
            override_ratio=row["overrides"] / row["garments"],
        )

    async def assign(
        self, station_id: str, wish: ModelWish, at: datetime, deadline_at: datetime
    ) -> None:
        """Wish a station the bundle, and remember what it had before."""
        rules = None
        if wish.trial is not None and wish.line is not None:
            rules = json.dumps({**asdict(wish.trial), **asdict(wish.line)})
        place = (self._organization_id, wish.rollout_id, station_id)
        await self._connection.execute(_REMEMBER, *place, at, deadline_at)
        generation = await self._connection.fetchval(
            _ASSIGN,
            self._organization_id,
            station_id,
            at,
            wish.model_digest,
            wish.rollout_id,
            rules,
        )
        await self._connection.execute(
            """UPDATE rollout_stations SET generation = $4
               WHERE organization_id = $1 AND rollout_id = $2 AND station_id = $3""",
            *place,
            generation,
        )

    async def withdraw(self, rollout_id: str, station_ids: Sequence[str], at: datetime) -> None:
        """Wish stations what they had before."""
        place = (self._organization_id, rollout_id, list(station_ids))
        await self._connection.execute(_WITHDRAW, *place, at)
        await self._connection.execute(
            """UPDATE rollout_stations SET withdrawn = true
               WHERE organization_id = $1 AND rollout_id = $2 AND station_id = ANY($3)""",
            *place,
        )

    async def extend(
        self, rollout_id: str, station_ids: Sequence[str], deadline_at: datetime
    ) -> None:
        """Give stations until another moment."""
        await self._connection.execute(
            """UPDATE rollout_stations SET deadline_at = $4
               WHERE organization_id = $1 AND rollout_id = $2 AND station_id = ANY($3)""",
            self._organization_id,
            rollout_id,
            list(station_ids),
            deadline_at,
        )

    async def shift_deadlines(self, rollout_id: str, by_s: float) -> None:
        """Give every station that was assigned so many seconds more."""
        await self._connection.execute(
            """UPDATE rollout_stations SET deadline_at = deadline_at + make_interval(secs => $3)
               WHERE organization_id = $1 AND rollout_id = $2 AND deadline_at IS NOT NULL""",
            self._organization_id,
            rollout_id,
            by_s,
        )

    async def save_report(self, report: RecordModelReport, at: datetime) -> str | None:
        """Keep a report; return the station's name when its state changed."""
        if report.running_digest:
            await self._connection.execute(
                _RUNNING,
                self._organization_id,
                report.station_id,
                report.running_digest,
                at,
                report.observed_generation,
            )
        row = await self._connection.fetchrow(
            """SELECT p.state, p.observed_generation, s.name FROM rollout_stations p
               JOIN rollouts r USING (organization_id, rollout_id)
               JOIN stations s USING (organization_id, station_id)
               WHERE p.organization_id = $1 AND p.rollout_id = $2 AND p.station_id = $3
                 AND r.model_digest = $4 AND p.assigned_at IS NOT NULL FOR UPDATE OF p""",
            self._organization_id,
            report.rollout_id,
            report.station_id,
            report.assigned_digest,
        )
        if row is None or report.observed_generation < row["observed_generation"]:
            return None
        await self._connection.execute(
            _REPORT,
            self._organization_id,
            report.rollout_id,
            report.station_id,
            report.state,
            report.code,
            report.garments,
            report.rejects,
            report.errors,
            report.overrides,
            report.observed_generation,
            at,
            report.running_digest,
            report.assigned_digest,
        )
        return str(row["name"]) if row["state"] != report.state else None


def _rollout(row: asyncpg.Record) -> Rollout:
    terms: dict[str, Any] = json.loads(row["terms"])
    return Rollout(
        rollout_id=row["rollout_id"],
        model_digest=row["model_digest"],
        name=row["name"],
        version=row["version"],
        stage=RolloutStage(row["stage"]),
        canary_station_id=row["canary_station_id"],
        terms=RolloutTerms(
            trial=TrialNumbers(**terms.pop("trial")),
            rules=RolloutRules(**terms.pop("rules")),
            **terms,
        ),
        created_by=row["created_by"],
        created_at=row["created_at"],
        stage_at=row["stage_at"],
        approved_by=row["approved_by"],
        approved_at=row["approved_at"],
        paused_stage=RolloutStage(row["paused_stage"]) if row["paused_stage"] else None,
        paused_at=row["paused_at"],
        shift=ShiftVerdict(row["shift"]),
        code=row["code"],
        reason=row["reason"],
    )


def _participant(row: asyncpg.Record) -> Participant:
    state = TrialState(row["state"]) if row["state"] else None
    told = (row["garments"], row["rejects"]) if state in DECIDED else (0, 0)
    # Two counts of the same garments: the one that has seen more of them.
    garments, rejects = max(told, (row["seen_garments"], row["seen_rejects"]))
    # A press on the kiosk and a correction may be about the same garment: the larger count holds.
    overrides = max(row["overrides"] if state in DECIDED else 0, row["seen_overrides"])
    return Participant(
        station_id=row["station_id"],
        station_name=row["station_name"],
        wave=RolloutStage(row["wave"]),
        online=bool(row["online"]),
        state=state,
        code=row["code"],
        running_digest=row["running_digest"],
        previous_digest=row["previous_digest"],
        garments=garments,
        rejects=rejects,
        errors=row["errors"],
        overrides=overrides,
        shadow_garments=row["garments"] if state is TrialState.SHADOW else 0,
        assigned_at=row["assigned_at"],
        deadline_at=row["deadline_at"],
        reported_at=row["reported_at"],
        withdrawn=row["withdrawn"],
    )


STORES: dict[type, Callable[[asyncpg.Connection, str], object]] = {
    RolloutStore: PostgresRolloutStore,
}
