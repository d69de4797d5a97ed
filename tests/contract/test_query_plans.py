"""The SQL of the stores, explained by PostgreSQL over tables of a realistic size.

Every statement written in ``cloud/infrastructure`` is explained as the application's role asks it.
None may read one of the large tables from end to end.
"""

import ast
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest

from cloud.infrastructure.embedded.postgres import DatabaseUrls

FOLDER = Path(__file__).parents[2] / "cloud" / "infrastructure"
SQL = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\s")
# Statement (its beginning) to the reason why it may read a large table from end to end.
WHOLE: dict[str, str] = {}
ORGANIZATIONS, EACH = 25, 800

ULID = "upper(lpad(to_hex(o * 100000 + n), 26, '0'))"
# Every large table: so many organizations, so many rows of each.
FILL = {
    "organizations": "'org_' || upper(lpad(to_hex(o * 100000), 26, '0')), 'o' || o, 'o', 'o', true,"
    " now()",
    "persons": f"org, 'usr_' || {ULID}, n || '@' || o, 'n', 'n', {ULID}, true, now()",
    "web_sessions (organization_id, session_hash, login, created_at, expires_at, web_session_id)": (
        f"org, sha256((o || '-' || n)::bytea), n || '@' || o, now(), now(), 'web_' || {ULID}"
    ),
    "login_links": "org, sha256((o || '-' || n)::bytea), n || '@' || o, now(), NULL",
    "events": f"org, n, 'evt_' || {ULID}, 'rung', now(), now(), '{{}}', ''",
    "audit_log": "org, n, now(), now(), 'u', 'web', 'ring', 'r' || n, 'done', '', '{}',"
    " sha256('x')",
    "idempotency_keys": "org, 'u' || n % 9, 'k' || n, 'h', now() - n * interval '1 hour'",
    "executions": "org, 'u' || n % 9, 'k' || n, now(), 'web', '', '{}'",
    "credentials": f"org, 'crd_' || {ULID}, 'n' || n, 'f', CASE WHEN n = 7 THEN 'old' ELSE 'k' END,"
    " 'KYE1'::bytea || sha256('a') || sha256('b') || sha256('c'), 'u', now()",
    "station_events": f"org, 'sta_' || o || n % 4, 1, 'events', n, 'accepted', 'evt_' || {ULID},"
    " 't', 1, 1, 1, '', '', '{}', 'p', n, now(), 'w', 'b', now()",
    "media": "org, encode(sha256((o || '-' || n)::bytea), 'hex'), 1, 'image/png', 's', 'e', now()",
    "pieces": f"org, 'pc_' || {ULID}, 'wo_' || n / 20, n, 'M', 'v', 'DONE', NULL, 0, '', '', now()",
    "step_runs": f"org, 'pc_' || {ULID}, 'stp_' || n % 20, 1, now(), 'w', '', '', false, now(), '',"
    f" '', '', false, 'ins_' || {ULID}, 'PASS', false",
    "inspections": f"org, 'ins_' || {ULID}, 'pc_' || {ULID}, 's', 'CUT', 'v', 1, 'sta', 'w',"
    " 'PASS', false, '[]', '[]', '[]', 0, 0, 0, 0, '', 'b', 'd', 's', 'c', 1, 1, '{}', 1,"
    " encode(sha256((o || '-' || n)::bytea), 'hex'), now() - n * interval '1 minute', now()",
}
LARGE = {table.partition(" ")[0] for table in FILL} - {"organizations"}


def written(module: Path) -> Iterator[str]:
    """Yield the statements that a module writes out, the ones that it puts together included."""
    name = ".".join(("cloud", "infrastructure", *module.relative_to(FOLDER).with_suffix("").parts))
    for value in vars(importlib.import_module(name)).values():
        if isinstance(value, str):
            yield value
    parts: set[ast.AST] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr | ast.BinOp):
            parts |= set(ast.walk(node))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts:
            yield node.value


def statements() -> dict[str, str]:
    """Return every statement by the place where it is written."""
    found: dict[str, str] = {}
    for module in sorted(FOLDER.rglob("*.py")):
        text = module.read_text(encoding="utf-8")
        if SQL.search(text) and "asyncpg" in text:
            for statement in written(module):
                if SQL.match(statement) and statement not in found.values():
                    found[f"{module.stem}: {' '.join(statement.split())[:70]}"] = statement
    return found


async def fill(url: str) -> None:
    """Write the large tables as a superuser, keys to other tables unchecked."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET session_replication_role = replica")
        for table, row in FILL.items():
            await connection.execute(
                f"INSERT INTO {table} SELECT {row}"  # noqa: S608
                f" FROM (SELECT o, n, 'org_' || upper(lpad(to_hex(o * 100000), 26, '0')) AS org"
                f" FROM generate_series(1, {ORGANIZATIONS}) o,"
                f" generate_series(1, {1 if table == 'organizations' else EACH}) n) s"
            )
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


def whole_reads(plan: dict[str, Any], empty: set[str]) -> Iterator[str]:
    """Yield the tables that a plan reads from end to end; of months those that hold rows."""
    if plan["Node Type"] == "Seq Scan" and plan["Relation Name"] not in empty:
        yield re.sub(r"_(\d{4}_\d{2}|other)$", "", plan["Relation Name"])
    for part in plan.get("Plans", []):
        yield from whole_reads(part, empty)


@pytest.mark.requirement("DBS")
async def test_no_query_reads_a_large_table_from_end_to_end(database: DatabaseUrls) -> None:
    await fill(database.owner.replace("kyndof_owner@", "postgres@"))
    explained, whole, unreadable = 0, [], []
    with psycopg.connect(database.app, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples <= 0"
        )
        empty = {row[0] for row in rows}
        for place, statement in statements().items():
            try:
                # Without values: the plan that is kept for every value.
                row = connection.execute(
                    f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {statement}".encode()
                ).fetchone()
            except psycopg.errors.SyntaxError:
                continue  # A part of a statement, put together elsewhere.
            except psycopg.Error as error:
                unreadable.append(f"{place}: {error.diag.message_primary}")
                continue
            assert row is not None
            plans = row[0] if isinstance(row[0], list) else json.loads(row[0])
            tables = LARGE & {name for plan in plans for name in whole_reads(plan["Plan"], empty)}
            explained += 1
            if tables and not any(place.endswith(known) for known in WHOLE):
                whole.append(f"{place}: {', '.join(sorted(tables))}")
    assert explained > 100
    assert not unreadable + whole, "\n".join(unreadable + whole)
