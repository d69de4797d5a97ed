"""Commands that need no camera, no broker and no cloud: scan, inspect, teach, self-test."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol

import typer

Pictures = Annotated[list[Path], typer.Argument(help="Pictures.")]
Bundle = Annotated[str, typer.Option(help="base, or the folder of a signed bundle.")]
Board = Annotated[str, typer.Option(help="File of a tag board, to find table and piece.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class TeachWish:
    """What somebody wants taught: with ``few``, five pieces instead of fourteen are enough."""

    style: str
    out: Path
    bundle: str
    board: str
    overkill_ratio: float
    few: bool


class OfflineWork(Protocol):
    """What the commands do; each returns an exit code."""

    def scan(self, pictures: list[Path]) -> int:
        """Read codes."""
        ...

    def inspect(
        self,
        pictures: list[Path],
        bundle: str,
        style_bank: Path | None,
        board: str,
        overlay: Path | None,
    ) -> int:
        """Judge pictures."""
        ...

    def teach(self, wish: TeachWish, pictures: list[Path]) -> int:
        """Learn a style from good pieces."""
        ...

    def self_test(self, *, station: bool) -> int:
        """Check this installation, and with ``station`` all that the station works with."""
        ...


def add_offline_commands(app: typer.Typer, work: Callable[[], OfflineWork]) -> None:
    """Add the commands; ``work`` is made when one of them is called."""

    @app.command()
    def scan(pictures: Pictures) -> None:
        """Read the codes of pictures, one JSON line each."""
        raise typer.Exit(work().scan(pictures))

    @app.command()
    def inspect(
        pictures: Pictures,
        bundle: Bundle = "base",
        style_bank: Annotated[Path | None, typer.Option(help="What teach wrote.")] = None,
        overlay: Annotated[Path | None, typer.Option(help="Folder for outlined copies.")] = None,
        board: Board = "",
    ) -> None:
        """Judge pictures, one JSON line each."""
        raise typer.Exit(work().inspect(pictures, bundle, style_bank, board, overlay))

    @app.command()
    def teach(  # noqa: PLR0913  a command line has as many options as it has
        style: Annotated[str, typer.Argument(help="Name of the style.")],
        pictures: Pictures,
        out: Annotated[Path, typer.Option(help="File to write.")],
        bundle: Bundle = "base",
        board: Board = "",
        overkill: Annotated[
            float, typer.Option(min=0.001, max=0.2, help="Share of good pieces that may alarm.")
        ] = 0.02,
        few: Annotated[
            bool, typer.Option("--few", help="5 to 13 pieces, thresholds known badly.")
        ] = False,
    ) -> None:
        """Learn a style from 14 to 30 pictures of good pieces."""
        wish = TeachWish(
            style=style, out=out, bundle=bundle, board=board, overkill_ratio=overkill, few=few
        )
        raise typer.Exit(work().teach(wish, pictures))

    @app.command("self-test")
    def self_test(
        station: Annotated[
            bool,
            typer.Option("--station", help="Camera, broker, cloud, disk, clock, certificate too."),
        ] = False,
    ) -> None:
        """Check this installation: bundle, judging, code reading, storage; exit 1 if one fails."""
        raise typer.Exit(work().self_test(station=station))
