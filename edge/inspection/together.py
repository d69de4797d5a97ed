"""Does what does not depend on each other at once, where the machine can."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Together(Protocol):
    """Runs tasks that share nothing they write."""

    def __call__(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Run all ``tasks`` and return their answers in the order of the tasks.

        The first error of a task is raised after all have ended. A task may ask for tasks itself.
        """
        ...


def one_by_one(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Run ``tasks`` on the caller's thread, in their order."""
    return [task() for task in tasks]
