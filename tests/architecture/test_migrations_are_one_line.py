"""Migrations follow one another in one line, each with its own number and its own SQL."""

import importlib.util
from pathlib import Path

import pytest

MIGRATIONS = Path(__file__).parents[2] / "cloud" / "migrations"


def chain() -> list[tuple[str, str, str | None]]:
    """Return file name, revision and the revision before, in the order of the names."""
    found = []
    for file in sorted((MIGRATIONS / "versions").glob("[0-9]*.py")):
        specification = importlib.util.spec_from_file_location(f"migration_{file.stem}", file)
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        found.append((file.name, module.revision, module.down_revision))
    return found


@pytest.mark.requirement("DBS")
def test_every_migration_has_the_next_number_and_follows_the_one_before() -> None:
    before = None
    for number, (name, revision, follows) in enumerate(chain(), 1):
        expected = f"{number:04}"
        assert name.startswith(f"{expected}_"), f"{name} should begin with {expected}"
        assert (revision, follows) == (expected, before), f"{name} names other revisions"
        before = revision


@pytest.mark.requirement("DBS")
def test_every_folder_of_sql_belongs_to_a_migration() -> None:
    revisions = {revision for _, revision, _ in chain()}
    folders = {folder.name for folder in (MIGRATIONS / "sql").iterdir() if folder.is_dir()}
    assert folders <= revisions
