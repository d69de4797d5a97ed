"""Migrations form one line: each has its own number and follows the one before."""

import ast
from pathlib import Path


def test_every_migration_follows_the_one_before() -> None:
    before: str | None = None
    for path in sorted(Path("cloud/migrations/versions").glob("*.py")):
        said = {
            target.id: ast.literal_eval(node.value)
            for node in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        assert said["revision"] == path.name[:4], path.name
        assert said["down_revision"] == before, path.name
        assert before is None or int(said["revision"]) == int(before) + 1, path.name
        before = said["revision"]
