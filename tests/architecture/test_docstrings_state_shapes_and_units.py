"""Every array parameter names its shape; every float field names its unit."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ARRAY = re.compile(r"ndarray|NDArray|Image|Mask|Tensor")
SHAPE = re.compile(r"\([A-Z][^)]*\)")  # "(H, W, 3) uint8"
UNIT = re.compile(r"_(mm|px|um|us|ms|s|h|c|ratio|count|score|per_\w+)$")


def sources() -> Iterator[Path]:
    for part in ("cloud", "edge"):
        yield from (p for p in (ROOT / part).rglob("*.py") if "node_modules" not in p.parts)


@pytest.mark.parametrize("path", list(sources()), ids=lambda p: str(p.relative_to(ROOT)))
def test_file(path: Path) -> None:
    problems = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            doc = ast.get_docstring(node) or ""
            takes_array = any(
                a.annotation and ARRAY.search(ast.unparse(a.annotation)) for a in node.args.args
            )
            if takes_array and not SHAPE.search(doc):
                problems.append(f"{node.name}:{node.lineno} takes an array but states no shape")
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and ast.unparse(node.annotation) == "float"
            and not UNIT.search(node.target.id)
        ):
            problems.append(f"{node.target.id}:{node.lineno} is a float without a unit in its name")
    assert not problems, "\n".join(problems)
