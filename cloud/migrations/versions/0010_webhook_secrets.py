"""Webhook secrets in the envelopes of credentials."""

from cloud.infrastructure.postgres.migration_scripts import run_scripts

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_scripts(revision)
