"""What can be set at a station from afar."""

from cloud.infrastructure.postgres.migration_scripts import run_scripts

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_scripts(revision)
