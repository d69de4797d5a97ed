"""A test uses a fake of a port; it never patches what it does not own."""

import ast

from tests.architecture.tree import text_of, tracked


def imports_of(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_nothing_imports_a_mocking_library() -> None:
    banned = {"unittest.mock", "mock", "pytest_mock"}
    assert not [
        name
        for name in tracked()
        if name.endswith(".py") and imports_of(text_of(name) or "") & banned
    ]


def test_production_never_imports_the_tests() -> None:
    assert not [
        name
        for name in tracked()
        if name.endswith(".py")
        and name.startswith(("cloud/", "edge/"))
        and any(i.split(".")[0] == "tests" for i in imports_of(text_of(name) or ""))
    ]
