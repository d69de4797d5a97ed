"""Answers as tables that fit a terminal."""

import json
from typing import Any

from rich.console import Console
from rich.table import Table

_MOST_COLUMNS = 8


def show(answer: object, *, as_json: bool) -> None:
    """Print an answer: JSON for programs, a table for people."""
    console = Console(highlight=False, soft_wrap=as_json)
    if as_json:
        console.out(json.dumps(answer, ensure_ascii=False))
    elif answer is not None:
        console.print(_drawn(answer))


def _drawn(answer: Any) -> Table | str:  # noqa: ANN401  plain JSON data
    rows = answer.get("items") if isinstance(answer, dict) and "items" in answer else answer
    if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
        names = [name for name, value in rows[0].items() if not isinstance(value, list | dict)]
        table = Table(*names[:_MOST_COLUMNS])
        for row in rows:
            table.add_row(*(_cell(row.get(name)) for name in names[:_MOST_COLUMNS]))
        return table
    if isinstance(rows, dict):
        table = Table("", "", show_header=False)
        for name, value in rows.items():
            table.add_row(name, _cell(value))
        return table
    return _cell(rows)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return (
            f"[{len(value)}]"
            if value and isinstance(value[0], dict)
            else ", ".join(map(str, value))
        )
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
