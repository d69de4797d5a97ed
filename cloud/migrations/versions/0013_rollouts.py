"""Bundles, whom to believe about them, and their rollouts."""

from cloud.infrastructure.postgres.migration_scripts import run_scripts

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_scripts(revision)
