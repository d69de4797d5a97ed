"""The organizations and persons of the embedded default. Production refuses them."""

from typing import Any

import asyncpg

DEMO = "org_01K0DEM0000000000000000000"
OTHER = "org_01K00THER00000000000000000"
_ORGANIZATIONS = (
    (DEMO, "demo", "데모 공방", "Demo Atelier"),
    (OTHER, "other", "다른 공방", "Other Atelier"),
)
_PERSONS = (
    ("worker", "김작업", "Worker Kim"),
    ("lead", "이반장", "Lead Lee"),
    ("designer", "박디자이너", "Designer Park"),
    ("owner", "최대표", "Owner Choi"),
)
_ADD_ORGANIZATION = """
INSERT INTO organizations (organization_id, code, name_ko, name_en, is_demo)
VALUES ($1, $2, $3, $4, true) ON CONFLICT DO NOTHING"""
_ADD_PERSON = """
INSERT INTO persons (organization_id, user_id, login, name_ko, name_en, badge)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"""


async def load_demo_organizations(pool: asyncpg.Pool) -> None:
    """Make `demo` and `other` with four persons each; does nothing the second time."""
    async with pool.acquire() as connection, connection.transaction():
        for organization_id, code, name_ko, name_en in _ORGANIZATIONS:
            await connection.execute(_ADD_ORGANIZATION, organization_id, code, name_ko, name_en)
            await connection.execute(
                "SELECT set_config('kyndof.organization', $1, true)", organization_id
            )
            for number, person in enumerate(_PERSONS, 1):
                await _add(connection, organization_id, code, number, person)


async def _add(
    connection: Any,  # noqa: ANN401  the pool's proxy
    organization_id: str,
    code: str,
    number: int,
    person: tuple[str, str, str],
) -> None:
    name, name_ko, name_en = person
    # Fixed identifiers, so that a badge printed once stays good over `make clean`.
    ulid = f"{organization_id.removeprefix('org_')[:22]}000{number}"
    await connection.execute(
        _ADD_PERSON, organization_id, f"usr_{ulid}", f"{name}@{code}.example", name_ko, name_en,
        ulid,
    )  # fmt: skip


async def has_demo_organizations(pool: asyncpg.Pool) -> bool:
    """Say whether any demo organization is there."""
    return bool(await pool.fetchval("SELECT count(*) > 0 FROM organizations WHERE is_demo"))
