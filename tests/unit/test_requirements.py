"""Ids of parts and tests stay in step."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.requirements import REQUIREMENTS

TESTS = Path(__file__).parents[1]
SYSTEM = TESTS.parents[1] / "shared" / "design" / "SYSTEM.md"


def marks() -> Iterator[tuple[str, str]]:
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.requirement"):
                for argument in node.args:
                    yield ast.literal_eval(argument), path.name


def test_every_id_that_a_test_names_is_a_part() -> None:
    unknown = [f"{name} in {where}" for name, where in marks() if name not in REQUIREMENTS]
    assert not unknown


def test_the_list_has_every_part_of_the_design() -> None:
    if not SYSTEM.exists():
        pytest.skip("the design pages are not beside this checkout")
    ids = re.findall(r"^\| ([A-Z0-9]{3}) \|", SYSTEM.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(ids) == REQUIREMENTS.keys()


@pytest.mark.requirement("DOC")
def test_every_part_that_is_not_planned_is_shown_by_a_test() -> None:
    shown = {name for name, _ in marks()}
    built = {name for name, part in REQUIREMENTS.items() if not part.planned}
    assert not built - shown, "no test is marked with these parts: write one, or say planned"


def test_no_part_that_a_test_shows_is_called_planned() -> None:
    shown = {name for name, _ in marks()}
    assert not {name for name, part in REQUIREMENTS.items() if part.planned} & shown
