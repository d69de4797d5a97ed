"""The live table of `kyndof up`; plain lines where nobody watches a terminal."""

from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

_EVENTS_COUNT = 12


class TerminalScreen:
    """Shows notes above, then the processes, then what happened last on the floor."""

    def __init__(self) -> None:
        self._console = Console()
        self._events: deque[str] = deque(maxlen=_EVENTS_COUNT)
        self._rows: Sequence[tuple[str, str, str, str]] = ()
        self._live = Live(console=self._console, refresh_per_second=4, transient=True)

    async def __aenter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def note(self, sentence: str) -> None:
        """Show a sentence for good."""
        self._console.print(sentence, highlight=False, soft_wrap=True, markup=False)

    def event(self, sentence: str) -> None:
        """Show what happened on the floor."""
        if self._console.is_terminal:
            self._events.append(sentence)
            self._draw()
        else:
            self.note(sentence)

    def show(self, rows: Sequence[tuple[str, str, str, str]]) -> None:
        """Show the table of processes: name, state, process id, last trouble."""
        if not self._console.is_terminal:
            known = {row[0]: row[1:] for row in self._rows}
            for name, state, pid, trouble in rows:
                if known.get(name, ("",))[0] != state:
                    self.note(
                        f"{name}: {state} {pid} {trouble if 'ended' in state else ''}".rstrip()
                    )
        self._rows = rows
        if self._console.is_terminal:
            self._draw()

    def _draw(self) -> None:
        processes = Table("프로세스", "상태", "pid", "문제", expand=True)
        for row in self._rows:
            processes.add_row(*row)
        floor = Table("현장 · what happens", expand=True)
        for sentence in self._events:
            floor.add_row(sentence)
        self._live.update(Group(processes, floor))
