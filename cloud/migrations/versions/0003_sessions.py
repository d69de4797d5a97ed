"""Sessions and what was said in them."""

from cloud.infrastructure.postgres.migration_scripts import run_scripts

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_scripts(revision)
