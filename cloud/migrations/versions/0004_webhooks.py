"""Messages from other systems and to them."""

from cloud.infrastructure.postgres.migration_scripts import run_scripts

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_scripts(revision)
