"""What an identifier looks like, told to the database in a way that costs less."""

from cloud.infrastructure.postgres.migration_scripts import run_scripts

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run_scripts(revision)
