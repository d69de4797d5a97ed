"""Bundles that several people sign."""

from cloud.infrastructure.postgres.migration_scripts import run_scripts

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run_scripts(revision)
