"""What persons are told, and how they want to be told."""

from cloud.infrastructure.postgres.migration_scripts import run_scripts

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_scripts(revision)
