"""The months are kept by the owner of the tables."""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    for script in sorted((Path(__file__).parents[1] / "sql" / revision).glob("*.sql")):
        cursor = op.get_bind().connection.cursor()
        cursor.execute(script.read_text(encoding="utf-8"))
        cursor.close()
