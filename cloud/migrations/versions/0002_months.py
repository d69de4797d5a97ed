"""Monthly partitions of executions, events and the audit chain."""

from cloud.infrastructure.postgres.migration_scripts import run_scripts

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_scripts(revision)
