"""What people teach at stations: namings, banks, calibrations."""

from cloud.infrastructure.postgres.migration_scripts import run_scripts

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_scripts(revision)
