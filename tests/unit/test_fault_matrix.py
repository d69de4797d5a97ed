"""The table of faults and the tests that show them stay in step."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.fault_matrix import ROWS

TESTS = Path(__file__).parents[1]


@cache
def in_file(path: Path) -> dict[str, set[str]]:
    """Tests of a file with the marks of each, the file's own included."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    whole = {
        mark
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
        for mark in _marks(node.value)
    }
    return {
        node.name: whole.union(*(_marks(decorator) for decorator in node.decorator_list))
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    }


def _marks(node: ast.AST) -> set[str]:
    return {
        part.attr
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute) and ast.unparse(part.value) == "pytest.mark"
    }


def found(name: str) -> set[str] | None:
    """The marks of a test; None where there is no such test."""
    path, _, function = name.partition("::")
    file = TESTS / path
    return in_file(file).get(function) if file.exists() else None


def test_every_test_that_the_table_names_exists() -> None:
    named = [(number, name) for number, row in ROWS.items() for name in row.tests]
    assert not [f"row {number}: {name}" for number, name in named if found(name) is None]


@pytest.mark.requirement("SYN")
def test_every_row_is_shown_by_a_test_or_says_what_is_missing() -> None:
    assert list(ROWS) == list(range(1, 45))
    assert not [n for n, row in ROWS.items() if not row.tests and not row.missing]


def test_a_row_of_every_commit_is_shown_by_a_test_that_runs_with_every_commit() -> None:
    late = [
        number
        for number, row in ROWS.items()
        if row.tier == "P"
        and not row.missing
        and all("soak" in (found(name) or {"soak"}) for name in row.tests)
    ]
    assert not late, "these rows are shown by long runs only"


def test_tiers_are_every_commit_long_runs_and_hardware() -> None:
    assert {row.tier for row in ROWS.values()} == {"P", "N", "H"}
