"""Log lines that stations were asked for."""

from cloud.infrastructure.postgres.migration_scripts import run_scripts

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    run_scripts(revision)
