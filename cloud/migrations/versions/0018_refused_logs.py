"""A question for a station's log that ends with a reason."""

from cloud.infrastructure.postgres.migration_scripts import run_scripts

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    run_scripts(revision)
