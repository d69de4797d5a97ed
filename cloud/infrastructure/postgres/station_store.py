"""Stations, their enrolment and their pictures in PostgreSQL."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import asyncpg

from cloud.infrastructure.postgres.station_event_store import PostgresStationEventStore
from cloud.stations.commands import RecordStationReport, StoreMedia
from cloud.stations.enrolment import JoinToken
from cloud.stations.ports import (
    DisputeStore,
    EnrolmentStore,
    IssuedCertificate,
    MediaStore,
    StationEventStore,
    StationStore,
)
from cloud.stations.queries import DisputeView, MediaView
from cloud.stations.station import Station, StationState, StationStatus

_STATION = """station_id, name, stages, title_ko, title_en, status, registered_at, online,
              last_seen_at"""


class PostgresStationStore:
    """Stations of one organization."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def add(self, station: Station) -> bool:
        """Add a station; say whether its name was free."""
        added = await self._connection.fetchval(
            """INSERT INTO stations (organization_id, station_id, name, stages, title_ko, title_en,
                                     status, registered_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
               ON CONFLICT (organization_id, name) WHERE status <> 'REVOKED' DO NOTHING
               RETURNING true""",
            self._organization_id,
            station.station_id,
            station.name,
            list(station.stages),
            station.title_ko,
            station.title_en,
            station.status.value,
            station.registered_at,
        )
        return bool(added)

    async def find(self, station_id: str, *, lock: bool = False) -> Station | None:
        """Return a station; ``lock`` keeps others from changing it in this transaction."""
        row = await self._connection.fetchrow(
            f"""SELECT {_STATION} FROM stations WHERE organization_id = $1 AND station_id = $2
                {"FOR UPDATE" if lock else ""}""",  # noqa: S608  both parts are constants
            self._organization_id,
            station_id,
        )
        return _station(row) if row else None

    async def everyone(self) -> list[tuple[Station, StationState | None]]:
        """Return all stations that are not revoked, by name, with what they show."""
        rows = await self._connection.fetch(
            f"""SELECT {_STATION}, state FROM stations
                LEFT JOIN station_states USING (organization_id, station_id)
                WHERE organization_id = $1 AND status <> 'REVOKED' ORDER BY name""",  # noqa: S608
            self._organization_id,
        )
        return [(_station(row), _state(row["state"])) for row in rows]

    async def set_status(
        self, station_id: str, status: StationStatus, at: datetime, reason: str | None
    ) -> None:
        """Move a station to another place in its life."""
        await self._connection.execute(
            """UPDATE stations SET status = $3,
                 enrolled_at = CASE WHEN $3 = 'ENROLLED' THEN $4 ELSE enrolled_at END,
                 revoked_at = CASE WHEN $3 = 'REVOKED' THEN $4 ELSE revoked_at END,
                 revoked_reason = $5
               WHERE organization_id = $1 AND station_id = $2""",
            self._organization_id,
            station_id,
            status.value,
            at,
            reason,
        )

    async def set_presence(self, station_id: str, online: bool, at: datetime) -> None:
        """Mark a station as here or gone."""
        await self._connection.execute(
            """UPDATE stations SET online = $3,
                 last_seen_at = CASE WHEN $3 THEN $4 ELSE last_seen_at END
               WHERE organization_id = $1 AND station_id = $2""",
            self._organization_id,
            station_id,
            online,
            at,
        )

    async def state(self, station_id: str, *, lock: bool = False) -> StationState | None:
        """Return what a station shows."""
        found = await self._connection.fetchval(
            f"""SELECT state FROM station_states WHERE organization_id = $1 AND station_id = $2
                {"FOR UPDATE" if lock else ""}""",  # noqa: S608  both parts are constants
            self._organization_id,
            station_id,
        )
        return _state(found)

    async def save_state(self, station_id: str, state: StationState, at: datetime) -> None:
        """Keep what a station shows."""
        await self._connection.execute(
            """INSERT INTO station_states (organization_id, station_id, state, updated_at)
               VALUES ($1, $2, $3::text::jsonb, $4)
               ON CONFLICT (organization_id, station_id)
               DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at""",
            self._organization_id,
            station_id,
            json.dumps(asdict(state), ensure_ascii=False),
            at,
        )

    async def save_report(self, report: RecordStationReport, at: datetime) -> bool:
        """Keep what a station made of the wish; say whether word of its configuration is new."""
        place = (self._organization_id, report.station_id)
        await self._connection.execute(
            """UPDATE station_wishes SET observed_generation = $3, observed_digest = $4,
                 observed_state = $5, observed_detail = $6, observed_at = $7
               WHERE organization_id = $1 AND station_id = $2""",
            *place,
            report.observed_generation,
            report.work_digest,
            report.state,
            report.detail,
            at,
        )
        if report.camera is not None:
            await self._connection.execute(
                """UPDATE station_wishes SET camera = $3::text::jsonb
                   WHERE organization_id = $1 AND station_id = $2""",
                *place,
                json.dumps(asdict(report.camera), ensure_ascii=False),
            )
        told = report.configuration
        if told is None:
            return False
        return bool(
            await self._connection.fetchval(
                """UPDATE station_wishes SET observed_config = $3, observed_config_wished = $4,
                     observed_config_refusal = $5, observed_config_detail = $6
                   WHERE organization_id = $1 AND station_id = $2
                     AND (observed_config, observed_config_wished, observed_config_refusal,
                          observed_config_detail) <> ($3, $4, $5, $6)
                   RETURNING true""",
                *place,
                told.digest,
                told.wished,
                told.refusal,
                told.detail,
            )
        )


class PostgresEnrolmentStore:
    """Join tokens and certificates of one organization."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def add_token(
        self, token_hash: bytes, token: JoinToken, issued_by: str, issued_at: datetime
    ) -> None:
        """Keep a token by its hash."""
        await self._connection.execute(
            """INSERT INTO join_tokens (organization_id, token_hash, station_id, serial, issued_by,
                                        issued_at, expires_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7)""",
            self._organization_id,
            token_hash,
            token.station_id,
            token.serial,
            issued_by,
            issued_at,
            token.expires_at,
        )

    async def find_token(self, token_hash: bytes) -> JoinToken | None:
        """Return a token, locked for this transaction."""
        row = await self._connection.fetchrow(
            """SELECT station_id, serial, expires_at, used_at, key_sha256, certificate_serial
               FROM join_tokens WHERE organization_id = $1 AND token_hash = $2 FOR UPDATE""",
            self._organization_id,
            token_hash,
        )
        return JoinToken(**dict(row)) if row else None

    async def take_token(
        self, token_hash: bytes, key_sha256: bytes, certificate_serial: str, at: datetime
    ) -> bool:
        """Use a token up; say whether nobody had."""
        taken = await self._connection.fetchval(
            """UPDATE join_tokens SET used_at = $5, key_sha256 = $3, certificate_serial = $4
               WHERE organization_id = $1 AND token_hash = $2 AND used_at IS NULL
               RETURNING true""",
            self._organization_id,
            token_hash,
            key_sha256,
            certificate_serial,
            at,
        )
        return bool(taken)

    async def add_certificate(
        self,
        station_id: str,
        key_sha256: bytes,
        certificate: IssuedCertificate,
        renews: str | None = None,
    ) -> None:
        """Keep a certificate that was signed for a station, and which one it renews."""
        await self._connection.execute(
            """INSERT INTO station_certificates
                 (organization_id, certificate_serial, station_id, key_sha256, certificate_pem,
                  not_before, not_after, issued_at, renews)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $6, $8)""",
            self._organization_id,
            certificate.serial,
            station_id,
            key_sha256,
            certificate.certificate_pem,
            certificate.not_before,
            certificate.not_after,
            renews,
        )

    async def successor(
        self, station_id: str, certificate_serial: str
    ) -> tuple[bytes, IssuedCertificate] | None:
        """Return what renews a certificate and is not revoked, with the SHA-256 of its key."""
        row = await self._connection.fetchrow(
            """SELECT key_sha256, certificate_serial AS serial, certificate_pem, not_before,
                      not_after
               FROM station_certificates
               WHERE organization_id = $1 AND renews = $2 AND station_id = $3
                 AND revoked_at IS NULL""",
            self._organization_id,
            certificate_serial,
            station_id,
        )
        if row is None:
            return None
        content = dict(row)
        return content.pop("key_sha256"), IssuedCertificate(**content)

    async def see_certificate(
        self, station_id: str, certificate_serial: str, at: datetime
    ) -> str | None:
        """Note that a certificate is in use; return what it renews when it is so for once."""
        renews: str | None = await self._connection.fetchval(
            """UPDATE station_certificates SET seen_at = $4
               WHERE organization_id = $1 AND certificate_serial = $2 AND station_id = $3
                 AND seen_at IS NULL
               RETURNING renews""",
            self._organization_id,
            certificate_serial,
            station_id,
            at,
        )
        return renews

    async def revoke_certificate(
        self, station_id: str, certificate_serial: str, at: datetime
    ) -> None:
        """Accept this certificate no more."""
        await self._connection.execute(
            """UPDATE station_certificates SET revoked_at = $4
               WHERE organization_id = $1 AND certificate_serial = $2 AND station_id = $3
                 AND revoked_at IS NULL""",
            self._organization_id,
            certificate_serial,
            station_id,
            at,
        )

    async def find_certificate(
        self, station_id: str, certificate_serial: str
    ) -> IssuedCertificate | None:
        """Return a certificate of a station that is not revoked."""
        row = await self._connection.fetchrow(
            """SELECT certificate_serial AS serial, certificate_pem, not_before, not_after
               FROM station_certificates
               WHERE organization_id = $1 AND certificate_serial = $2 AND station_id = $3
                 AND revoked_at IS NULL""",
            self._organization_id,
            certificate_serial,
            station_id,
        )
        return IssuedCertificate(**dict(row)) if row else None

    async def revoke_certificates(self, station_id: str, at: datetime) -> None:
        """Accept none of the station's certificates from now on."""
        await self._connection.execute(
            """UPDATE station_certificates SET revoked_at = $3
               WHERE organization_id = $1 AND station_id = $2 AND revoked_at IS NULL""",
            self._organization_id,
            station_id,
            at,
        )


class PostgresDisputeStore:
    """Disputed facts of one organization."""

    _SELECT = """
        SELECT d.event_id, d.station_id, s.name AS station_name, coalesce(e.type, '') AS type,
               coalesce(e.worker, '') AS worker, e.event_time AS occurred_at,
               e.event_time_err_ms, d.code, d.detail, d.disputed_at,
               d.decision, d.reason, d.resolved_by, d.resolved_at,
               CASE WHEN d.decision IS DISTINCT FROM 'ACCEPTED' THEN ''
                    WHEN k.key IS NULL THEN 'UNDERWAY'
                    WHEN x.result ? 'held' THEN 'HELD' ELSE 'APPLIED' END AS outcome
        FROM station_disputes d
        JOIN stations s USING (organization_id, station_id)
        -- An accepted fact is sent again by its decider under its own identifier.
        LEFT JOIN idempotency_keys k ON k.organization_id = d.organization_id
          AND k.user_login = d.resolved_by AND k.key = d.event_id
        LEFT JOIN executions x ON x.organization_id = k.organization_id
          AND x.user_login = k.user_login AND x.key = k.key AND x.recorded_at = k.created_at
        LEFT JOIN station_event_times e ON e.organization_id = d.organization_id
          AND e.event_id = d.event_id AND e.standing = 'accepted'
        WHERE d.organization_id = $1 AND """

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def add(
        self, station_id: str, event_id: str, code: str, detail: str, at: datetime
    ) -> bool:
        """Keep a dispute; say whether it is new."""
        added = await self._connection.fetchval(
            """INSERT INTO station_disputes (organization_id, event_id, station_id, code, detail,
                                             disputed_at)
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING true""",
            self._organization_id,
            event_id,
            station_id,
            code,
            detail,
            at,
        )
        return bool(added)

    async def find(self, event_id: str) -> DisputeView | None:
        """Return a dispute, locked for this transaction."""
        row = await self._connection.fetchrow(
            self._SELECT + "d.event_id = $2 FOR UPDATE OF d", self._organization_id, event_id
        )
        return DisputeView(**dict(row)) if row else None

    async def resolve(self, view: DisputeView) -> None:
        """Keep the decision."""
        await self._connection.execute(
            """UPDATE station_disputes
               SET decision = $3, reason = $4, resolved_by = $5, resolved_at = $6
               WHERE organization_id = $1 AND event_id = $2 AND resolved_at IS NULL""",
            self._organization_id,
            view.event_id,
            view.decision,
            view.reason,
            view.resolved_by,
            view.resolved_at,
        )

    async def reopen(self, event_id: str, code: str, detail: str, at: datetime) -> bool:
        """Take an acceptance back, with a new reason; say whether there was one."""
        reopened = await self._connection.fetchval(
            """UPDATE station_disputes
               SET decision = NULL, reason = NULL, resolved_by = NULL, resolved_at = NULL,
                   code = $3, detail = $4, disputed_at = $5
               WHERE organization_id = $1 AND event_id = $2 AND decision = 'ACCEPTED'
               RETURNING true""",
            self._organization_id,
            event_id,
            code,
            detail,
            at,
        )
        return bool(reopened)

    _AFTER = """(NOT $2 OR d.resolved_at IS NULL)
          AND ($4 = '' OR (d.disputed_at, d.event_id) <
               (SELECT b.disputed_at, b.event_id FROM station_disputes b
                 WHERE b.organization_id = $1 AND b.event_id = $4))
        ORDER BY d.disputed_at DESC, d.event_id DESC LIMIT $3"""

    async def newest(self, open_only: bool, limit: int, before: str) -> Sequence[DisputeView]:
        """Return disputes, newest first, those after the event ``before`` in that order."""
        rows = await self._connection.fetch(
            self._SELECT + self._AFTER,
            self._organization_id,
            open_only,
            limit,
            before,
        )
        return [DisputeView(**dict(row)) for row in rows]


class PostgresMediaStore:
    """Rows that make pictures visible to one organization."""

    def __init__(self, connection: asyncpg.Connection, organization_id: str) -> None:
        self._connection = connection
        self._organization_id = organization_id

    async def add(self, media: StoreMedia, at: datetime) -> bool:
        """Make a picture visible; say whether it was not before."""
        added = await self._connection.fetchval(
            """INSERT INTO media (organization_id, sha256, size_bytes, content_type, station_id,
                                  event_id, stored_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING true""",
            self._organization_id,
            media.sha256,
            media.size_bytes,
            media.content_type,
            media.station_id,
            media.event_id,
            at,
        )
        return bool(added)

    async def find(self, sha256: str) -> MediaView | None:
        """Return a visible picture."""
        row = await self._connection.fetchrow(
            """SELECT sha256, size_bytes, content_type, station_id, stored_at FROM media
               WHERE organization_id = $1 AND sha256 = $2""",
            self._organization_id,
            sha256,
        )
        return MediaView(**dict(row)) if row else None


def _station(row: asyncpg.Record) -> Station:
    return Station(
        station_id=row["station_id"],
        name=row["name"],
        stages=tuple(row["stages"]),
        title_ko=row["title_ko"],
        title_en=row["title_en"],
        status=StationStatus(row["status"]),
        registered_at=row["registered_at"],
        online=row["online"],
        last_seen_at=row["last_seen_at"],
    )


def _state(stored: Any) -> StationState | None:  # noqa: ANN401  jsonb: text, or decoded by a codec
    if stored is None:
        return None
    fields = json.loads(stored) if isinstance(stored, str) else stored
    alarms = tuple((code, detail) for code, detail in fields.pop("alarms"))
    return StationState(alarms=alarms, **fields)


STORES: dict[type, Callable[[asyncpg.Connection, str], object]] = {
    StationStore: PostgresStationStore,
    EnrolmentStore: PostgresEnrolmentStore,
    StationEventStore: PostgresStationEventStore,
    DisputeStore: PostgresDisputeStore,
    MediaStore: PostgresMediaStore,
}
