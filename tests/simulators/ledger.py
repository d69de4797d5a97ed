"""The ledger of truth: what really lay on the table and what people really did.

Tests compare it with what the system says. Nothing of it ever reaches the system.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Ledger:
    """JSON lines in a file; with `path` None they are kept in memory only."""

    def __init__(self, path: Path | None) -> None:
        self.lines: list[dict[str, Any]] = []
        self._path = path
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)

    def note(self, what: str, **facts: object) -> None:
        """Write down one thing that happened just now."""
        line = {"at": datetime.now(UTC).isoformat(), "what": what, **facts}
        self.lines = [*self.lines[-999:], line]
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")


def read_ledger(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a ledger, oldest first; a last line cut off by a kill is left out."""
    for line in path.read_text("utf-8").splitlines(keepends=True):
        if line.endswith("\n"):
            yield json.loads(line)
