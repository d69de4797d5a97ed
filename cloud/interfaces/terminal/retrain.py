"""`kyndof train retrain`: a candidate from people's corrections, and the gate before it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from cloud.interfaces.terminal.progress import with_bar
from cloud.interfaces.terminal.quality import texts
from cloud.interfaces.terminal.train import TrainRefusedError

MOST_EPOCHS_COUNT, MOST_REPLAY_RATIO = 50, 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainWish:
    """A file of corrections, a folder for the work, and how to learn from it.

    ``base`` is the folder of the bundle that judged the corrected tiles, None for the one that
    came with the package. ``replay_ratio`` counts rendered tiles for each corrected one.
    """

    corrections: Path
    out: Path
    base: Path | None
    epoch_count: int
    replay_ratio: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainOutcome:
    """Where a promoted candidate lies; without it the codes of what the gate holds against it.

    ``figures`` maps a figure to its ratio before and after; ``report`` is where all of it is kept.
    """

    bundle: Path | None
    digest: str
    refusals: tuple[str, ...]
    figures: Mapping[str, tuple[float, float]]
    report: Path
    learned_count: int
    picture_count: int


RetrainDoor = Callable[[RetrainWish, Callable[[int, int], None]], RetrainOutcome]


def add_retrain(train: typer.Typer, open_door: Callable[[], RetrainDoor]) -> None:
    """Add `train retrain` to the group; the door calls back with work done and of how much."""

    @train.command("retrain")
    def retrain(  # noqa: PLR0913  a command line has as many options as it has
        corrections: Annotated[Path, typer.Argument(help="File of corrections. 정정 파일.")],
        out: Annotated[Path, typer.Option(help="Folder of the work; kept. 작업 폴더.")],
        base: Annotated[
            Path | None, typer.Option(help="Bundle that judged; the package's own without. 묶음.")
        ] = None,
        epochs: Annotated[
            int, typer.Option(min=1, max=MOST_EPOCHS_COUNT, help="Passes. 반복 횟수.")
        ] = 3,
        replay: Annotated[
            float,
            typer.Option(
                min=0.0,
                max=MOST_REPLAY_RATIO,
                help="Rendered tiles for each correction. 복습.",
            ),
        ] = 2.0,
        seed: Annotated[int, typer.Option(min=0, help="Seed. 시드.")] = 1,
        english: Annotated[
            bool, typer.Option("--english", help="Speak English. 영어로 답합니다.")
        ] = False,
    ) -> None:
        """Learn from corrections; the candidate is written only where the gate promotes it."""
        said = texts("en" if english else "ko")
        wish = RetrainWish(
            corrections=corrections,
            out=out,
            base=base,
            epoch_count=epochs,
            replay_ratio=replay,
            seed=seed,
        )
        try:
            done = with_bar(said["train.training"], lambda told: open_door()(wish, told))
        except TrainRefusedError as error:
            typer.echo(said[error.code].format(**error.places), err=True)
            raise typer.Exit(1) from error
        for name, (before, after) in done.figures.items():
            typer.echo(f"{said[f'gate.{name}']}: {before:.1%} → {after:.1%}")
        places = {
            "learned": done.learned_count,
            "pictures": done.picture_count,
            "bundle": done.bundle,
            "digest": done.digest[:12],
            "report": done.report,
        }
        if done.bundle is not None:
            typer.echo(said["train.promoted"].format(**places))
            return
        typer.echo(said["train.not_promoted"].format(**places), err=True)
        for code in done.refusals:
            typer.echo(f"- {said[f'gate.{code}']}", err=True)
        raise typer.Exit(1)
