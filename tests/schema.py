"""The live schema as PostgreSQL's own ``pg_dump`` tells it.

``make schema`` writes the page of the schema; ``make schema KEEP=1`` keeps the schema of the newest
revision under ``tests/contract/schemas`` too, as it is delivered. A test migrates each kept one on
and compares with a database that was migrated from nothing.
"""

import asyncio
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from cloud.infrastructure.embedded.postgres import EmbeddedPostgres, binaries
from cloud.infrastructure.postgres.migration import migrate
from cloud.infrastructure.postgres.revision import head_revision
from tests.schema_page import PAGE, page

KEPT = Path(__file__).parent / "contract" / "schemas"
_HEAD = """\
-- The schema at revision {revision}, by `make schema KEEP=1`; partitions of single months left out.
"""
# A month's partition follows the calendar, not the revision.
_MONTHS = "--exclude-table=*_20??_??"
# What differs from run to run or from server to server, and says nothing about the schema.
_NOISE = re.compile(r"^(--.*|SET .*|\\(un)?restrict .*|SELECT pg_catalog\.set_config.*|)$")


def dump(superuser_url: str) -> str:
    """Return the schema ``public`` as SQL, with owners, grants and policies."""
    done = subprocess.run(
        [binaries() / "pg_dump", "--schema-only", "--schema=public", _MONTHS, superuser_url],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return "".join(f"{line}\n" for line in done.stdout.splitlines() if not _NOISE.fullmatch(line))


def kept(revision: str, schema: str) -> str:
    """Return what a kept file holds: the schema, and the revision as alembic notes it."""
    note = f"INSERT INTO public.alembic_version VALUES ('{revision}');\n"  # noqa: S608  a file's name
    return _HEAD.format(revision=revision) + schema + note


def load(superuser_url: str, file: Path) -> None:
    """Bring a kept schema into an empty database."""
    subprocess.run(
        [
            binaries() / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1",
            "--command=DROP SCHEMA public", "--command=SET check_function_bodies = off",
            f"--file={file}", superuser_url,
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip


async def renew(*, keep: bool) -> list[Path]:
    """Write the page, and with ``keep`` the schema of the newest revision to its file."""
    with tempfile.TemporaryDirectory(prefix="kyndof-schema-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", durable=False)
        await server.start()
        try:
            urls = await server.ensure_database("schema")
            await migrate(urls.owner)
            schema = dump(server.url("postgres", "schema"))
            PAGE.write_text(await page(urls.owner), encoding="utf-8")
        finally:
            await server.stop()
    if not keep:
        return [PAGE]
    file = KEPT / f"{head_revision()}.sql"
    file.write_text(kept(head_revision(), schema), encoding="utf-8")
    return [PAGE, file]


if __name__ == "__main__":
    for written in asyncio.run(renew(keep="--keep" in sys.argv[1:])):
        print(written.relative_to(Path.cwd()))
