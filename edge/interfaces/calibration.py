"""Commands that make pixels millimetres: board, calibrate, gauge."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol

import typer


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationOrder:
    """What a person asked for; ``live_count`` pictures are taken where no files are named."""

    views: tuple[Path, ...]
    board: str
    table: Path | None
    flat: Path | None
    thickness: tuple[str, ...]
    live_count: int
    dry_run: bool


class CalibrationWork(Protocol):
    """What the commands do; each returns an exit code."""

    def board(self, name: str, pdf: Path) -> int:
        """Draw a board to print."""
        ...

    def calibrate(self, order: CalibrationOrder) -> int:
        """Learn lens and table."""
        ...

    def gauge(self, picture: Path | None, bar: str) -> int:
        """Measure the gauge bar."""
        ...


def add_calibration_commands(app: typer.Typer, work: Callable[[], CalibrationWork]) -> None:
    """Add the commands; ``work`` is made when one of them is called."""

    @app.command()
    def board(
        name: Annotated[str, typer.Argument(help="Name of a file under firmware-config/boards.")],
        pdf: Annotated[Path, typer.Option(help="File to write.")],
    ) -> None:
        """Draw a calibration board, the table's tags or a gauge bar, exact to size."""
        raise typer.Exit(work().board(name, pdf))

    @app.command()
    def calibrate(  # noqa: PLR0913 - one parameter an option
        views: Annotated[
            list[Path] | None,
            typer.Argument(help="Pictures of the board, or folders of them; none: the camera."),
        ] = None,
        board: Annotated[str, typer.Option(help="Name of the board.")] = "charuco-15x11-25",
        table: Annotated[
            Path | None, typer.Option(help="Picture of the empty table; none: the camera.")
        ] = None,
        flat: Annotated[
            Path | None, typer.Option(help="Picture of the board lying on the table, to check.")
        ] = None,
        thickness: Annotated[
            list[str] | None, typer.Option(help="STYLE=MM, the cloth's thickness; repeat.")
        ] = None,
        live: Annotated[int, typer.Option(help="Views to take with the camera.")] = 20,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Store nothing.")] = False,
    ) -> None:
        """Learn the lens from views of a board and the table from its tags; store both."""
        order = CalibrationOrder(
            views=tuple(views or ()),
            board=board,
            table=table,
            flat=flat,
            thickness=tuple(thickness or ()),
            live_count=live,
            dry_run=dry_run,
        )
        raise typer.Exit(work().calibrate(order))

    @app.command()
    def gauge(
        picture: Annotated[
            Path | None, typer.Argument(help="Picture of the bar; none: the camera.")
        ] = None,
        bar: Annotated[str, typer.Option(help="Name of the gauge bar.")] = "gauge-bar-500",
    ) -> None:
        """Measure the gauge bar on the table and store the result; once a day."""
        raise typer.Exit(work().gauge(picture, bar))
