"""``cloud/docs/database-schema.md``, written from the live schema; ``make schema`` renews it."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

PAGE = Path(__file__).parents[1] / "cloud" / "docs" / "database-schema.md"
_HEAD = """# Database schema

Made by `make schema` from the live schema at revision {revision}; a test compares. Every table
but `organizations` and `alembic_version` begins its key with `organization_id` and forces
row-level security: without an organization set in the transaction no row is seen. Tables marked
*months* are partitioned by `recorded_at`, one partition a month and one for rows whose month is
missing; nobody is granted anything on a partition. Background jobs lie in the schema `bullmq`,
which BullMQ makes itself.

## How long facts stay

`KYNDOF_RETENTION__EXECUTIONS_MONTHS` (3), `…EVENTS_MONTHS` (13) and `…AUDIT_MONTHS` (60) say how
many whole months stay, `…AHEAD_MONTHS` (3) how many are made ahead. The worker keeps them every
hour through `keep_months`. Events that a subscriber has not heard and audit rows that no seal
covers stay longer. See [decision 0010](decisions/0010-months-by-the-moment-of-the-commit.md).

## Picture

Lines are foreign keys within an organization; the line of each table to `organizations` is left
out.

"""
_TABLES = """
SELECT c.relname AS name, c.relkind = 'p' AS months,
       c.relrowsecurity AND c.relforcerowsecurity AS guarded
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY 1
"""
_COLUMNS = """
SELECT c.relname AS name, a.attname AS told, format_type(a.atttypid, a.atttypmod) AS kind,
       a.attnotnull AS needed, coalesce(pg_get_expr(d.adbin, d.adrelid), '') AS preset
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY 1, a.attnum
"""
_KEYS = """
SELECT c.relname AS name, k.contype::text AS kind, pg_get_constraintdef(k.oid) AS told,
       coalesce(f.relname, '') AS other
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
LEFT JOIN pg_class f ON f.oid = k.confrelid
WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
  AND k.contype IN ('p', 'u', 'f') ORDER BY 1, k.contype = 'f', k.contype = 'u', 3
"""
_INDEXES = """
SELECT t.relname AS name, pg_get_indexdef(i.indexrelid) AS told
FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
WHERE t.relnamespace = 'public'::regnamespace AND NOT t.relispartition
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype <> 'f')
ORDER BY 1, x.relname
"""
_POLICIES = """
SELECT tablename AS name, policyname || ' (' || lower(cmd) || ', ' || array_to_string(roles, ', ')
  || ')' AS told
FROM pg_policies WHERE schemaname = 'public' ORDER BY 1, 2
"""
_GRANTS = """
SELECT table_name AS name, grantee || ': ' ||
       string_agg(lower(privilege_type), ', ' ORDER BY privilege_type) AS told
FROM information_schema.role_table_grants
WHERE table_schema = 'public' AND grantee LIKE 'kyndof%' AND grantee <> 'kyndof_owner'
GROUP BY table_name, grantee ORDER BY 1, grantee
"""
_FUNCTIONS = """
SELECT p.oid::regprocedure::text AS name, pg_get_userbyid(p.proowner) AS owner
FROM pg_proc p WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace ORDER BY 1
"""


@dataclass(slots=True)
class Table:
    """What the page says of one table."""

    name: str
    months: bool
    guarded: bool
    columns: list[str] = field(default_factory=list)
    key: list[tuple[str, str]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    others: set[str] = field(default_factory=set)
    more: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


async def tables(connection: asyncpg.Connection) -> dict[str, Table]:
    """Return every table by its name."""
    found = {
        row["name"]: Table(row["name"], row["months"], row["guarded"])
        for row in await connection.fetch(_TABLES)
    }
    kinds: dict[tuple[str, str], str] = {}
    for row in await connection.fetch(_COLUMNS):
        preset = f"`{row['preset']}`".replace("|", "\\|") if row["preset"] else ""
        needed = "" if row["needed"] else "yes"
        found[row["name"]].columns.append(
            f"| {row['told']} | {row['kind']} | {needed} | {preset} |"
        )
        kinds[row["name"], row["told"]] = row["kind"]
    for row in await connection.fetch(_KEYS):
        table = found[row["name"]]
        table.keys.append(row["told"])
        if row["kind"] == "p":
            names = row["told"].partition("(")[2].rstrip(")").replace('"', "").split(", ")
            table.key = [(name, kinds[row["name"], name]) for name in names]
        elif row["kind"] == "f" and row["other"] != "organizations":
            table.others.add(row["other"])
    for title, query in (("Index", _INDEXES), ("Policy", _POLICIES), ("Grant", _GRANTS)):
        for row in await connection.fetch(query):
            if row["name"] in found:
                found[row["name"]].more[title].append(row["told"].replace("public.", ""))
    return found


def picture(found: dict[str, Table]) -> list[str]:
    """Return the ER picture as Mermaid."""
    lines = ["```mermaid", "erDiagram"]
    for table in found.values():
        lines.append(f"  {table.name} {{")
        for name, kind in table.key:
            lines.append(f"    {re.sub('[^a-z0-9]+', '_', kind).strip('_')} {name} PK")
        lines.append("  }")
    for table in found.values():
        lines += [f'  {other} ||--o{{ {table.name} : ""' for other in sorted(table.others)]
    return [*lines, "```", ""]


def section(table: Table) -> list[str]:
    """Return what the page says of ``table``."""
    marks = [word for word, set_ in (("months", table.months), ("guarded", table.guarded)) if set_]
    title = f"### {table.name}" + (f" ({', '.join(marks)})" if marks else "")
    head = ["| column | type | null | default |", "|---|---|---|---|"]
    lines = [title, "", *head, *table.columns, ""]
    lines += [f"- {told}" for told in table.keys]
    for kind, told in table.more.items():
        lines += [f"- {kind}: `{one}`" for one in told]
    return [*lines, ""]


async def page(owner_url: str) -> str:
    """Return the whole page for a migrated database."""
    connection = await asyncpg.connect(owner_url)
    try:
        revision = await connection.fetchval("SELECT version_num FROM alembic_version")
        found = await tables(connection)
        functions = await connection.fetch(_FUNCTIONS)
    finally:
        await connection.close()
    lines = [*picture(found), "## Tables", ""]
    for table in found.values():
        lines += section(table)
    lines += ["## Functions that act for their owner", "", "| function | owner |", "|---|---|"]
    lines += [f"| `{row['name']}` | {row['owner']} |" for row in functions]
    return _HEAD.format(revision=revision) + "\n".join([*lines, ""])
