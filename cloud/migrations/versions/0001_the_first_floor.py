"""Organizations, commands, permissions, stations, production and inspection."""

from cloud.infrastructure.postgres.migration_scripts import run_scripts

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_scripts(revision)
