"""Joins the command line's training commands to the renderer."""

from collections.abc import Callable
from importlib.util import find_spec
from time import perf_counter
from typing import TYPE_CHECKING

from cloud.interfaces.terminal.train import (
    BaseTrained,
    BaseWish,
    Rendered,
    RenderWish,
    TrainDoors,
    TrainRefusedError,
)

if TYPE_CHECKING:
    from cloud.infrastructure.training.sample_set import SetTile


def training_doors() -> TrainDoors:
    """Return the doors."""
    return TrainDoors(render=_render, base=_base)


def _render(wish: RenderWish, told: Callable[[], None]) -> Rendered:
    from cloud.infrastructure.training.rendering import FAMILIES
    from cloud.infrastructure.training.rendering.errors import ImpossibleSceneError
    from cloud.infrastructure.training.sample_set import (
        SetPlan,
        Sheet,
        all_kinds,
        check_plan,
        render_set,
        write_set,
    )

    if wish.family is not None and wish.family not in FAMILIES:
        raise TrainRefusedError("train.family", name=wish.family, known=", ".join(FAMILIES))
    if wish.kind is not None and wish.kind not in all_kinds():
        raise TrainRefusedError("train.kind", name=wish.kind, known=", ".join(all_kinds()))
    plan = SetPlan(
        count=wish.count,
        seed=wish.seed,
        side_px=wish.side_px,
        family=wish.family,
        kind=wish.kind,
    )
    sheet = Sheet()

    def seen(tile: "SetTile") -> None:
        sheet.add(tile)
        told()

    begin = perf_counter()
    try:
        check_plan(plan)
    except ImpossibleSceneError as error:
        raise TrainRefusedError("train.pair", family=wish.family, kind=wish.kind) from error
    try:
        _refuse_a_used_folder(wish)
        if wish.out is not None:
            spoiled = write_set(wish.out, plan, workers=wish.workers, told=seen)
        else:
            spoiled = 0
            for tile in render_set(plan, wish.workers):
                spoiled += tile.sample.kind is not None
                seen(tile)
        if wish.sheet is not None:
            sheet.write(wish.sheet)
    except ImpossibleSceneError as error:
        raise TrainRefusedError("train.small", side=wish.side_px, kind=wish.kind) from error
    except OSError as error:
        raise TrainRefusedError("train.unwritable", reason=error) from error
    return Rendered(tile_count=plan.count, spoiled_count=spoiled, elapsed_s=perf_counter() - begin)


ADDS_TORCH = '.venv/bin/pip install -c constraints.txt -e ".[train]"'


def _base(wish: BaseWish, told: Callable[[int], None]) -> BaseTrained:
    """Train in ``out`` and write the bundle to ``out/bundle``."""
    if find_spec("torch") is None:
        raise TrainRefusedError("train.no_torch", command=ADDS_TORCH)
    from cloud.infrastructure.training.base_card import card_of
    from cloud.infrastructure.training.base_training import BasePlan, train_base
    from cloud.infrastructure.training.bundle_files import write_bundle

    plan = BasePlan(
        seed=wish.seed,
        style_count=wish.style_count,
        step_count=wish.step_count,
        kind_step_count=wish.kind_step_count,
        close_style_count=wish.close_style_count,
        close_step_count=wish.close_step_count,
    )
    bundle = wish.out / "bundle"
    try:
        trained = train_base(plan, wish.out, lambda done, _: told(done), wish.workers)
        digest = write_bundle(bundle, trained.heads, card_of(plan, trained))
    except OSError as error:
        raise TrainRefusedError("train.unwritable", reason=error) from error
    return BaseTrained(
        bundle=bundle,
        digest=digest,
        head_auroc_ratio=trained.judged.head.auroc_ratio,
        bank_auroc_ratio=trained.judged.bank.auroc_ratio,
        both_auroc_ratio=trained.judged.both.auroc_ratio,
        kind_accuracy_ratio=(trained.close_named or trained.named).accuracy_ratio,
    )


def _refuse_a_used_folder(wish: RenderWish) -> None:
    """Two sets in one folder would make neither."""
    if wish.out is not None and wish.out.is_dir() and any(wish.out.iterdir()):
        raise TrainRefusedError("train.used", folder=wish.out)
