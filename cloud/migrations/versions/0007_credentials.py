"""Sealed secrets of outside services."""

from cloud.infrastructure.postgres.migration_scripts import run_scripts

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_scripts(revision)
