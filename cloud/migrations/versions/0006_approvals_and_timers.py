"""Approvals with advice, changes and undo; assigned work; timers."""

from cloud.infrastructure.postgres.migration_scripts import run_scripts

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_scripts(revision)
