"""Which certificate renews which."""

from cloud.infrastructure.postgres.migration_scripts import run_scripts

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_scripts(revision)
