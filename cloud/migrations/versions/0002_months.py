"""Monthly partitions of executions, events and the audit chain."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for script in sorted((Path(__file__).parents[1] / "sql" / revision).glob("*.sql")):
        cursor = op.get_bind().connection.cursor()
        cursor.execute(script.read_text(encoding="utf-8"))
        cursor.close()
