"""The station's own log lines: kept beside its data, bounded, read back."""

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

from edge.infrastructure.json_log import JsonLines

LARGEST_BYTES = 4 << 20
KEPT_FILES = 2
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOOK_S = 0.5


class _Quiet(RotatingFileHandler):
    """A full disk ends no process over a line."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging names it
        """Lose the line here; the standard error stream has it."""


def log_to_files(home: Path, name: str) -> None:
    """Keep every log record of this process in ``logs/NAME.jsonl`` too."""
    folder = home / "logs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler = _Quiet(
            folder / f"{name}.jsonl", maxBytes=LARGEST_BYTES, backupCount=KEPT_FILES, delay=True
        )
    except OSError:
        return
    handler.setFormatter(JsonLines())
    logging.getLogger().addHandler(handler)


def read_lines(home: Path, count: int, level: str) -> list[dict[str, object]]:
    """Return the last lines of all processes from a level on, oldest first."""
    found: list[dict[str, object]] = []
    for path in (home / "logs").glob("*.jsonl"):
        last: deque[dict[str, object]] = deque(maxlen=count)
        for part in (*sorted(path.parent.glob(f"{path.name}.*"), reverse=True), path):
            last.extend(_lines(part, 0, level)[1])
        found.extend(last)
    return sorted(found, key=lambda line: str(line.get("at", "")))[-count:] if count else []


def follow_lines(
    home: Path, level: str, pause: Callable[[float], None] = time.sleep
) -> Iterator[dict[str, object]]:
    """Yield each new line for ever."""
    places = {path: path.stat().st_size for path in (home / "logs").glob("*.jsonl")}
    while True:
        pause(LOOK_S)
        fresh: list[dict[str, object]] = []
        for path in (home / "logs").glob("*.jsonl"):
            start = places.get(path, 0)
            # A smaller file is a new one under the old name.
            start = start if path.stat().st_size >= start else 0
            places[path], lines = _lines(path, start, level)
            fresh.extend(lines)
        yield from sorted(fresh, key=lambda line: str(line.get("at", "")))


def _lines(path: Path, start: int, level: str) -> tuple[int, list[dict[str, object]]]:
    """Return where the next look begins, and the whole lines from ``start`` on."""
    least = LEVELS.index(level)
    found: list[dict[str, object]] = []
    try:
        with path.open("rb") as file:
            file.seek(start)
            for raw in file:
                if not raw.endswith(b"\n"):
                    break
                start += len(raw)
                line = _parsed(raw)
                if line is not None and LEVELS.index(str(line["level"])) >= least:
                    found.append(line)
    except OSError:
        return start, found
    return start, found


def _parsed(raw: bytes) -> dict[str, object] | None:
    try:
        line = json.loads(raw)
    except ValueError:
        return None
    return line if isinstance(line, dict) and line.get("level") in LEVELS else None
