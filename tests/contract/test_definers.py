"""Functions that act for somebody else: listed, each with its owner and its reason."""

import asyncpg
import pytest

from cloud.infrastructure.embedded.postgres import DatabaseUrls

FINDING = "finds whose this is before any organization is known"
TIMERS = "finds which organizations have work that is due"
# Function to its owner and the reason. A new one is argued for here.
DEFINERS = {
    "due_timers": ("kyndof_lookup", TIMERS),
    "keep_months": ("kyndof_owner", "adds and drops partitions; its floors are out of reach"),
    "lookup_api_key": ("kyndof_lookup", FINDING),
    "lookup_device": ("kyndof_lookup", FINDING),
    "lookup_device_code": ("kyndof_lookup", FINDING),
    "lookup_due_webhooks": ("kyndof_lookup", TIMERS),
    "lookup_invitation": ("kyndof_lookup", FINDING),
    "lookup_join_token": ("kyndof_lookup", FINDING),
    "lookup_login": ("kyndof_lookup", FINDING),
    "lookup_login_link": ("kyndof_lookup", FINDING),
    "lookup_memberships": ("kyndof_lookup", FINDING),
    "lookup_password_link": ("kyndof_lookup", FINDING),
    "lookup_projection_backlog": ("kyndof_lookup", TIMERS),
    "lookup_provider_account": ("kyndof_lookup", FINDING),
    "lookup_refresh_token": ("kyndof_lookup", FINDING),
    "lookup_token_family": ("kyndof_lookup", FINDING),
    "lookup_web_session": ("kyndof_lookup", FINDING),
    "lookup_webhook_endpoint": ("kyndof_lookup", FINDING),
    "open_rollouts": ("kyndof_lookup", TIMERS),
    "unheard_organizations": ("kyndof_lookup", TIMERS),
}


@pytest.mark.requirement("DBS")
async def test_every_function_that_acts_for_its_owner_is_listed_and_bound(
    database: DatabaseUrls,
) -> None:
    connection = await asyncpg.connect(database.owner)
    try:
        rows = await connection.fetch(
            """SELECT proname, pg_get_userbyid(proowner) AS owner,
                 coalesce(array_to_string(proconfig, ','), '') AS settings,
                 has_function_privilege('kyndof_jobs', oid, 'EXECUTE') AS open
               FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"""
        )
        strong = await connection.fetch(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'kyndof%'"
            " AND (rolsuper OR rolbypassrls OR rolcreaterole)"
        )
    finally:
        await connection.close()
    assert {row["proname"]: row["owner"] for row in rows} == {
        name: owner for name, (owner, _) in DEFINERS.items()
    }
    # Without a path of its own a function could be led to somebody else's tables.
    assert not [row["proname"] for row in rows if "search_path=public" not in row["settings"]]
    assert not [row["proname"] for row in rows if row["open"]]
    assert strong == []


@pytest.mark.requirement("DBS")
async def test_finding_sees_the_tables_it_needs_and_no_others(database: DatabaseUrls) -> None:
    connection = await asyncpg.connect(database.owner)
    try:
        rows = await connection.fetch(
            """SELECT c.relname, p.polcmd, EXISTS (SELECT FROM pg_policy t
                 WHERE t.polrelid = c.oid AND t.polname = 'tenant') AS tenant
               FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
               WHERE 'kyndof_lookup'::regrole = ANY (p.polroles)"""
        )
        written = await connection.fetch(
            """SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')
                 AND relnamespace = 'public'::regnamespace
                 AND has_table_privilege('kyndof_lookup', oid, 'INSERT,UPDATE,DELETE,TRUNCATE')"""
        )
        read = await connection.fetch(
            """SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')
                 AND relnamespace = 'public'::regnamespace
                 AND has_table_privilege('kyndof_lookup', oid, 'SELECT')"""
        )
    finally:
        await connection.close()
    assert {row["polcmd"] for row in rows} == {b"r"}
    assert all(row["tenant"] for row in rows)
    assert written == []
    allowed = {row["relname"] for row in rows} | {"organizations"}
    assert {row["relname"] for row in read} <= allowed
    assert not {"events", "audit_log", "executions", "credentials"} & allowed
