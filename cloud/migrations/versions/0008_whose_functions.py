"""The months are kept by the owner of the tables."""

from cloud.infrastructure.postgres.migration_scripts import run_scripts

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_scripts(revision)
