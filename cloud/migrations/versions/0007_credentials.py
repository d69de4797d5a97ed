"""Sealed secrets of outside services."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    for script in sorted((Path(__file__).parents[1] / "sql" / revision).glob("*.sql")):
        cursor = op.get_bind().connection.cursor()
        cursor.execute(script.read_text(encoding="utf-8"))
        cursor.close()
