"""Invitations, passwords, tokens, device logins, outside accounts and login limits."""

from cloud.infrastructure.postgres.migration_scripts import run_scripts

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_scripts(revision)
