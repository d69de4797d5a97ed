"""A second thread for the pipeline: most of its time is spent where no Python lock is held."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")


class ThreadTogether:
    """Implements ``Together``: the caller works too, and takes back what nobody has begun.

    So tasks that ask for tasks never wait for a free thread, and a busy machine costs nothing
    but the gain.
    """

    def __init__(self, threads_count: int = 2) -> None:
        self._pool = ThreadPoolExecutor(max(1, threads_count - 1), thread_name_prefix="together")

    def __call__(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Run all ``tasks`` and return their answers in order."""
        if not tasks:
            return []
        handed = [self._pool.submit(task) for task in tasks[1:]]
        try:
            answers = [tasks[0]()]
            for task, future in zip(tasks[1:], handed, strict=True):
                answers.append(task() if future.cancel() else future.result())
        except BaseException:
            _end(handed)
            raise
        return answers


def _end(handed: Sequence[Future[T]]) -> None:
    """Take back what has not begun and wait for the rest."""
    wait([future for future in handed if not future.cancel()])
