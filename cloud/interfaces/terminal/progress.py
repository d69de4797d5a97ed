"""A bar for work that says how much of it is done."""

from collections.abc import Callable
from typing import TypeVar

import typer

_LENGTH = 1000

Done = TypeVar("Done")


def with_bar(label: str, work: Callable[[Callable[[int, int], None]], Done]) -> Done:
    """Return what ``work`` returns; it is given a function that hears work done and of how much."""
    reached = 0
    with typer.progressbar(length=_LENGTH, label=label) as bar:

        def told(done: int, total: int) -> None:
            nonlocal reached
            share = _LENGTH * done // total
            bar.update(share - reached)
            reached = share

        return work(told)
