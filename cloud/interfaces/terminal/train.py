"""`kyndof train`: what training needs, from the command line.

Korean is spoken unless English is asked for; what cannot be done is one sentence.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cloud.interfaces.terminal.quality import texts

LARGEST_SET_COUNT = 1_000_000
MOST_WORKERS_COUNT = 64
FEWEST_COUNT = 3
SMALLEST_SIDE_PX, LARGEST_SIDE_PX = 32, 2048


class TrainRefusedError(Exception):
    """Training material cannot be made; ``code`` names the text, ``places`` fill it."""

    def __init__(self, code: str, **places: object) -> None:
        super().__init__(code)
        self.code = code
        self.places = places


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderWish:
    """What somebody wants rendered; None means any family, any kind, no such output."""

    out: Path | None
    sheet: Path | None
    count: int
    seed: int
    side_px: int
    family: str | None
    kind: str | None
    workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What was rendered: tiles, those with a flaw, and how long it took."""

    tile_count: int
    spoiled_count: int
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseWish:
    """What the base bundle is to be trained on: rendered styles and steps.

    Both heads share their styles, the close look has styles of its own; without any there is none.
    """

    out: Path
    seed: int
    style_count: int
    step_count: int
    kind_step_count: int
    close_style_count: int
    close_step_count: int
    workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseTrained:
    """Where the bundle lies, its digest, and what it reaches on held-out styles.

    AUROC of tiles by head, by distance and by both, and the share of flaws given the right kind.
    """

    bundle: Path
    digest: str
    head_auroc_ratio: float
    bank_auroc_ratio: float
    both_auroc_ratio: float
    kind_accuracy_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainDoors:
    """What composition hands over.

    ``render`` calls back once for each tile; ``base`` with how much of its work is done.
    """

    render: Callable[[RenderWish, Callable[[], None]], Rendered]
    base: Callable[[BaseWish, Callable[[int], None]], BaseTrained]


def add_train(app: typer.Typer, open_doors: Callable[[], TrainDoors]) -> typer.Typer:
    """Add the `train` commands and return their group."""
    train = typer.Typer(no_args_is_help=True, help="Training material and networks. 학습 자료.")
    app.add_typer(train, name="train")

    @train.command("render")
    def render(  # noqa: PLR0913  a command line has as many options as it has
        out: Annotated[Path | None, typer.Option(help="Folder for the set. 저장 폴더.")] = None,
        count: Annotated[int, typer.Option(help="Tiles. 타일 수.")] = 100,
        seed: Annotated[int, typer.Option(help="Seed; the same one, the same set. 시드.")] = 1,
        family: Annotated[
            str | None, typer.Option(help="Family of cloth; any without. 원단 종류.")
        ] = None,
        kind: Annotated[
            str | None, typer.Option(help="Kind of defect, or good; any without. 결함 종류.")
        ] = None,
        side: Annotated[int, typer.Option(help="Side of a tile, px. 타일 한 변.")] = 256,
        sheet: Annotated[
            Path | None, typer.Option(help="PNG file for an overview. 개요 그림.")
        ] = None,
        workers: Annotated[int, typer.Option(help="Processes. 프로세스 수.")] = 2,
        english: Annotated[
            bool, typer.Option("--english", help="Speak English. 영어로 답합니다.")
        ] = False,
    ) -> None:
        """Render cloth with and without defects, with masks of where they are."""
        wish = RenderWish(
            out=out,
            sheet=sheet,
            count=count,
            seed=seed,
            side_px=side,
            family=family,
            kind=kind,
            workers=workers,
        )
        try:
            _check(wish)
            done = _rendered(wish, open_doors(), english=english)
        except TrainRefusedError as error:
            _fail(_say(error.code, english=english, **error.places))
        places = {
            "tiles": done.tile_count,
            "spoiled": done.spoiled_count,
            "seconds": f"{done.elapsed_s:.1f}",
            "rate": f"{done.tile_count / max(done.elapsed_s, 1e-9):.0f}",
            "place": out or sheet,
        }
        typer.echo(_say("train.rendered", english=english, **places))

    _add_base(train, open_doors)
    return train


def _add_base(train: typer.Typer, open_doors: Callable[[], TrainDoors]) -> None:
    """Add `train base`."""

    @train.command("base")
    def base(  # noqa: PLR0913  a command line has as many options as it has
        out: Annotated[Path, typer.Option(help="Folder of the work; kept to go on. 작업 폴더.")],
        styles: Annotated[int, typer.Option(help="Rendered styles. 스타일 수.")] = 4000,
        steps: Annotated[
            int, typer.Option(help="Steps that learn where flaws are. 위치 학습 단계 수.")
        ] = 10000,
        kind_steps: Annotated[
            int, typer.Option(help="Steps that learn kinds. 종류 학습 단계 수.")
        ] = 5000,
        close_styles: Annotated[
            int, typer.Option(help="Styles seen closely, 0 for none. 가까이 볼 스타일 수.")
        ] = 0,
        close_steps: Annotated[
            int, typer.Option(help="Steps that learn kinds closely. 근접 종류 학습 단계 수.")
        ] = 0,
        seed: Annotated[int, typer.Option(help="Seed. 시드.")] = 1,
        workers: Annotated[int, typer.Option(help="Processes. 프로세스 수.")] = 2,
        english: Annotated[
            bool, typer.Option("--english", help="Speak English. 영어로 답합니다.")
        ] = False,
    ) -> None:
        """Train the base bundle on rendered cloth; stopped, the same command goes on."""
        wish = BaseWish(
            out=out,
            seed=seed,
            style_count=styles,
            step_count=steps,
            kind_step_count=kind_steps,
            close_style_count=close_styles,
            close_step_count=close_steps,
            workers=workers,
        )
        try:
            _check_base(wish)
            done = _trained(wish, open_doors(), english=english)
        except TrainRefusedError as error:
            _fail(_say(error.code, english=english, **error.places))
        places = {
            "bundle": done.bundle,
            "digest": done.digest[:12],
            "head": f"{done.head_auroc_ratio:.3f}",
            "bank": f"{done.bank_auroc_ratio:.3f}",
            "both": f"{done.both_auroc_ratio:.3f}",
            "kinds": f"{done.kind_accuracy_ratio:.0%}",
        }
        typer.echo(_say("train.trained", english=english, **places))


def _check_base(wish: BaseWish) -> None:
    """Refuse numbers out of range."""
    if wish.seed < 0:
        raise TrainRefusedError("train.seed", seed=wish.seed)
    if not 1 <= wish.workers <= MOST_WORKERS_COUNT:
        raise TrainRefusedError("train.workers", workers=wish.workers, most=MOST_WORKERS_COUNT)
    amounts = {
        "--styles": wish.style_count,
        "--steps": wish.step_count,
        "--kind-steps": wish.kind_step_count,
    }
    if wish.close_style_count or wish.close_step_count:
        amounts |= {
            "--close-styles": wish.close_style_count,
            "--close-steps": wish.close_step_count,
        }
    for option, count in amounts.items():
        if not FEWEST_COUNT <= count <= LARGEST_SET_COUNT:
            raise TrainRefusedError(
                "train.amount",
                option=option,
                count=count,
                fewest=FEWEST_COUNT,
                most=LARGEST_SET_COUNT,
            )


def _trained(wish: BaseWish, doors: TrainDoors, *, english: bool) -> BaseTrained:
    label, reached = _say("train.training", english=english), 0
    length = wish.style_count + wish.step_count + wish.kind_step_count
    length += wish.close_style_count + wish.close_step_count
    with typer.progressbar(length=length, label=label) as bar:

        def told(done: int) -> None:
            nonlocal reached
            bar.update(done - reached)
            reached = done

        return doors.base(wish, told)


def _check(wish: RenderWish) -> None:
    """Refuse numbers out of range and a wish without an output."""
    if wish.out is None and wish.sheet is None:
        raise TrainRefusedError("train.nowhere")
    if not 1 <= wish.count <= LARGEST_SET_COUNT:
        raise TrainRefusedError("train.count", count=wish.count, most=LARGEST_SET_COUNT)
    if wish.seed < 0:
        raise TrainRefusedError("train.seed", seed=wish.seed)
    if not SMALLEST_SIDE_PX <= wish.side_px <= LARGEST_SIDE_PX:
        raise TrainRefusedError("train.side", side=wish.side_px)
    if not 1 <= wish.workers <= MOST_WORKERS_COUNT:
        raise TrainRefusedError("train.workers", workers=wish.workers, most=MOST_WORKERS_COUNT)


def _rendered(wish: RenderWish, doors: TrainDoors, *, english: bool) -> Rendered:
    label = _say("train.rendering", english=english)
    with typer.progressbar(length=wish.count, label=label) as bar:
        return doors.render(wish, lambda: bar.update(1))


def _say(key: str, *, english: bool, **places: object) -> str:
    return texts("en" if english else "ko")[key].format(**places)


def _fail(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)
