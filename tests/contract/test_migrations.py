"""Migrations give one schema, from nothing as from every schema that was ever delivered."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.postgres.migration import migrate
from cloud.infrastructure.postgres.revision import current_revision, head_revision
from tests.postgres import PostgresForTests
from tests.schema import KEPT, dump, load
from tests.schema_page import PAGE, page


@pytest.fixture
async def empty_database(postgres: PostgresForTests) -> AsyncIterator[DatabaseUrls]:
    """A database with nothing in it."""
    urls = await postgres.server.ensure_database("test_empty")
    yield urls
    await postgres.server.drop_database("test_empty")


def as_superuser(url: str) -> str:
    return url.replace("kyndof_owner@", "postgres@")


@pytest.mark.requirement("DBS")
@pytest.mark.parametrize("file", sorted(KEPT.glob("*.sql")), ids=lambda file: file.stem)
async def test_a_delivered_schema_migrates_to_the_same_as_an_empty_database(
    file: Path, database: DatabaseUrls, empty_database: DatabaseUrls
) -> None:
    load(as_superuser(empty_database.owner), file)
    assert await current_revision(empty_database.owner) == file.stem
    assert await migrate(empty_database.owner) == head_revision()
    delivered = dump(as_superuser(empty_database.owner))
    assert delivered == dump(as_superuser(database.owner))


@pytest.mark.requirement("DBS", "DOC")
async def test_the_page_of_the_schema_is_what_the_database_says(database: DatabaseUrls) -> None:
    assert PAGE.read_text(encoding="utf-8") == await page(database.owner), "run: make schema"


@pytest.mark.requirement("DBS")
async def test_migrating_twice_changes_nothing(database: DatabaseUrls) -> None:
    before = dump(as_superuser(database.owner))
    assert await migrate(database.owner) == head_revision()
    assert dump(as_superuser(database.owner)) == before


@pytest.mark.requirement("DBS")
async def test_a_schema_is_kept_of_what_was_delivered_first() -> None:
    assert (KEPT / "0001.sql").exists()


@pytest.mark.requirement("DBS")
async def test_the_database_takes_no_schema_that_is_broken_half_way(
    empty_database: DatabaseUrls,
) -> None:
    """A migration is one transaction: what cannot be finished leaves nothing behind."""
    connection = await asyncpg.connect(empty_database.owner)
    try:
        await connection.execute("CREATE TABLE events (stranger int)")
        with pytest.raises(Exception, match="events"):
            await migrate(empty_database.owner)
        tables = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p')"
        )
    finally:
        await connection.close()
    assert {row["relname"] for row in tables} <= {"events", "alembic_version"}


ROWS_OF_THE_FIRST_REVISION = """
INSERT INTO organizations (organization_id, code, name_ko, name_en)
  VALUES ('org_01K0DEM0000000000000000000', 'demo', '데모', 'Demo');
INSERT INTO organization_heads
  SELECT organization_id, 3, 3, sha256('3') FROM organizations;
INSERT INTO events
  SELECT organization_id, n, 'evt_01K0DEM000000000000000000' || n, 'bell_rung',
         timestamptz '2026-01-31 23:59:30Z' + CASE n WHEN 2 THEN -1 ELSE n END * interval '20 s',
         '{}', 'trace'
  FROM organizations, generate_series(1, 3) n;
INSERT INTO audit_log
  SELECT organization_id, n, timestamptz '2026-02-05Z', 'u', 'web', 'ring', '', 'done', '',
         '{"a": 1,  "b":2}', sha256(n::text::bytea)
  FROM organizations, generate_series(1, 3) n;
INSERT INTO idempotency_keys
  SELECT organization_id, 'u', 'k' || n, 'h', CASE n WHEN 1 THEN '{"result": 5}'::jsonb END,
         timestamptz '2026-02-05Z'
  FROM organizations, generate_series(1, 2) n;
"""


@pytest.mark.requirement("DBS", "AUD", "EVT")
async def test_facts_of_the_first_revision_come_over_into_their_months(
    empty_database: DatabaseUrls,
) -> None:
    url = as_superuser(empty_database.owner)
    load(url, KEPT / "0001.sql")
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(ROWS_OF_THE_FIRST_REVISION)
        await migrate(empty_database.owner)
        events = await connection.fetch(
            "SELECT tableoid::regclass::text AS home, sequence FROM events ORDER BY sequence"
        )
        # The second event's clock was behind: it stays beside its neighbours.
        assert [tuple(row) for row in events] == [
            ("events_2026_01", 1),
            ("events_2026_01", 2),
            ("events_2026_02", 3),
        ]
        audited = await connection.fetch("SELECT metadata::text AS told, hash FROM audit_log")
        assert {row["told"] for row in audited} == {'{"a": 1,  "b":2}'}
        assert len({row["hash"] for row in audited}) == 3
        answers = await connection.fetch("SELECT key, result FROM executions")
        assert [tuple(row) for row in answers] == [("k1", '{"result": 5}')]
        assert await connection.fetchval("SELECT count(*) FROM idempotency_keys") == 2
        head = await connection.fetchrow("SELECT * FROM organization_heads")
        assert (head["event_sequence"], head["audit_sequence"]) == (3, 3)
        assert head["recorded_at"].isoformat() == "2026-02-05T00:00:00+00:00"
    finally:
        await connection.close()


SECRETS_OF_THE_FORM_BEFORE = """
INSERT INTO organizations (organization_id, code, name_ko, name_en)
  VALUES ('org_01K0DEM0000000000000000000', 'demo', '데모', 'Demo');
INSERT INTO webhook_subscriptions
  (organization_id, subscription_id, url, events, state, created_by, created_at, changed_at)
  SELECT organization_id, 'whs_' || lpad(n::text, 26, '0'), 'https://example.com/', '{*}', 'ACTIVE',
         'u', now(), now()
  FROM organizations, generate_series(1, 2) n;
INSERT INTO webhook_secrets
  SELECT organization_id, 'whs_' || lpad('1', 26, '0'), 1, 'sealed otherwise', now()
  FROM organizations;
"""


@pytest.mark.requirement("DBS", "ENC", "HOK")
async def test_a_webhook_whose_secret_was_sealed_otherwise_waits_and_says_why(
    empty_database: DatabaseUrls,
) -> None:
    await migrate(empty_database.owner, "0009")
    connection = await asyncpg.connect(as_superuser(empty_database.owner))
    try:
        await connection.execute(SECRETS_OF_THE_FORM_BEFORE)
        await migrate(empty_database.owner)
        found = await connection.fetch(
            "SELECT state, reason <> '' AS told FROM webhook_subscriptions ORDER BY subscription_id"
        )
        assert [tuple(row) for row in found] == [("SUSPENDED", True), ("ACTIVE", False)]
        assert await connection.fetchval("SELECT count(*) FROM webhook_secrets") == 0
    finally:
        await connection.close()
