"""Webhook secrets in the envelopes of credentials."""

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    for script in sorted((Path(__file__).parents[1] / "sql" / revision).glob("*.sql")):
        # The driver's own cursor without parameters: a colon or a percent sign in SQL is itself.
        cursor = op.get_bind().connection.cursor()
        cursor.execute(script.read_text(encoding="utf-8"))
        cursor.close()
