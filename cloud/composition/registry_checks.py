"""`kyndof org check` and `kyndof registry check`: files, and holders against the database."""

from cloud.composition.core import EMBEDDED, SettingMissingError, database_url
from cloud.interfaces.terminal.checks import Checked, Holders
from cloud.settings import CloudSettings


async def check_org(settings: CloudSettings, database: str = "") -> Checked:
    """Check every matrix; with a database, every holder too.

    Raises:
        DatabaseAwayError: the database that was named does not answer.
        RegistryFileError: the schema cannot be read.
    """
    from cloud.infrastructure.registry_files.org_check import check_org_files

    known, holders = await _known_logins(settings, database)
    found = check_org_files(settings.registry, known)
    completed = [
        f"{name}: {c.action}: {c.what} completed with {c.role}" for name, c in found.completions
    ]
    return Checked(
        lines=(*(f"{name}: read" for name in found.files), *completed),
        findings=tuple(f"{f.file}:{f.line}: {f.code}: {f.reason}" for f in found.findings),
        holders=holders,
    )


async def check_registry(settings: CloudSettings, database: str = "") -> Checked:
    """Check every matrix, every plug-in and the defects; raises as ``check_org``."""
    from cloud.infrastructure.registry_files.defect_files import check_defects
    from cloud.infrastructure.registry_files.plugin_files import check_plugin_files

    read, findings = check_plugin_files(settings.registry)
    defects, wrong = check_defects(settings.registry)
    org = await check_org(settings, database)
    return Checked(
        lines=(*org.lines, *(f"{path}: read" for path in (*read, *defects))),
        findings=(*org.findings, *findings, *wrong),
        holders=org.holders,
    )


async def _known_logins(
    settings: CloudSettings, database: str
) -> tuple[frozenset[str] | None, Holders]:
    """Return the logins of every organization; None when there is nothing to compare with.

    A database that somebody named must answer. That of `kyndof up` may have ended with it.
    """
    from cloud.infrastructure.postgres.pool import DatabaseAwayError, open_pool
    from cloud.infrastructure.postgres.registry_store import PostgresRegistryStore

    named = database or settings.database_url.get_secret_value() != EMBEDDED
    try:
        pool = await open_pool(database or database_url(settings), largest_count=2)
    except SettingMissingError:
        return None, Holders(state="no_database")
    except DatabaseAwayError:
        if named:
            raise
        return None, Holders(state="no_database")
    try:
        store = PostgresRegistryStore(pool)
        organizations = await store.organizations()
        if not organizations:
            return None, Holders(state="no_organization")
        logins = await store.logins()
        return logins, Holders(
            state="compared",
            organization_count=len(organizations),
            person_count=len(logins),
        )
    finally:
        await pool.close()
