"""When something happened at a station, by the cloud's clock."""

from cloud.infrastructure.postgres.migration_scripts import run_scripts

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    run_scripts(revision)
