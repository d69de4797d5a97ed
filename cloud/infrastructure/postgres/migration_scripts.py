"""What every migration does: run the SQL files of its revision, in order of their names."""

from alembic import op

from cloud.infrastructure.postgres.revision import MIGRATIONS


def run_scripts(revision: str) -> None:
    """Run `cloud/migrations/sql/REVISION/*.sql` on the connection of the running migration."""
    for script in sorted((MIGRATIONS / "sql" / revision).glob("*.sql")):
        # The driver's own cursor without parameters: a colon or a percent sign in SQL is itself.
        cursor = op.get_bind().connection.cursor()
        cursor.execute(script.read_text(encoding="utf-8"))
        cursor.close()
