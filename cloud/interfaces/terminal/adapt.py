"""`kyndof train adapt`: a style's own judge from pictures of its good pieces."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from cloud.interfaces.terminal.progress import with_bar
from cloud.interfaces.terminal.quality import texts
from cloud.interfaces.terminal.train import TrainRefusedError


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptWish:
    """A style, pictures of its good pieces, and where its bank is written.

    ``board`` is the file of a tag board, empty where pictures show nothing but the goods.
    """

    style: str
    pictures: tuple[Path, ...]
    out: Path
    board: str
    overkill_ratio: float
    seed: int
    english: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapted:
    """What was written, from how many pieces, and the limit of the own judge's scores."""

    piece_count: int
    byte_count: int
    threshold_score: float


AdaptDoor = Callable[[AdaptWish, Callable[[int, int], None]], Adapted]


def add_adapt(train: typer.Typer, open_door: Callable[[], AdaptDoor]) -> None:
    """Add `train adapt` to the group; the door calls back with steps done and of how many."""

    @train.command("adapt")
    def adapt(  # noqa: PLR0913  a command line has as many options as it has
        style: Annotated[str, typer.Argument(help="Name of the style. 스타일 이름.")],
        pictures: Annotated[
            list[Path], typer.Argument(help="14 to 30 good pieces. 정상품 사진 14~30장.")
        ],
        out: Annotated[Path, typer.Option(help="Bank to write. 저장할 스타일 파일.")],
        board: Annotated[str, typer.Option(help="File of a tag board. 태그 보드 파일.")] = "",
        overkill: Annotated[
            float,
            typer.Option(min=0.001, max=0.2, help="Good ones that may alarm. 허용 과검 비율."),
        ] = 0.02,
        seed: Annotated[int, typer.Option(min=0, help="Seed. 시드.")] = 1,
        english: Annotated[
            bool, typer.Option("--english", help="Speak English. 영어로 답합니다.")
        ] = False,
    ) -> None:
        """Teach a style and train a judge of its own, with flaws pasted on its good pieces."""
        said = texts("en" if english else "ko")
        wish = AdaptWish(
            style=style,
            pictures=tuple(pictures),
            out=out,
            board=board,
            overkill_ratio=overkill,
            seed=seed,
            english=english,
        )
        try:
            done = with_bar(said["train.adapting"], lambda told: open_door()(wish, told))
        except TrainRefusedError as error:
            typer.echo(said[error.code].format(**error.places), err=True)
            raise typer.Exit(1) from error
        places = {
            "style": style,
            "pieces": done.piece_count,
            "place": out,
            "size": done.byte_count,
            "threshold": f"{done.threshold_score:.2f}",
        }
        typer.echo(said["train.adapted"].format(**places))
