"""Figures of the benchmarks on rendered styles, against numbers worked out by hand."""

import importlib

import numpy as np
import pytest

from cloud.infrastructure.training.rendering import FAMILIES, KINDS
from tests.benchmarks.rendered_styles import (
    Tile,
    auroc,
    escape_at,
    interval,
    right_share,
    unknown_share,
)

pytestmark = pytest.mark.requirement("DEF")


def tile(score: float, kind: str | None = None, name: str = "", style: int = 0) -> Tile:
    return Tile(
        style=style,
        family="twill",
        kind=kind,
        score=score,
        alarmed=bool(name),
        located=True,
        name=name,
    )


GOOD = [tile(number / 100) for number in range(100)]


def test_escape_counts_flaws_below_the_score_that_few_good_tiles_exceed() -> None:
    flaws = [tile(0.5, "hole"), tile(0.95, "hole"), tile(0.97, "hole"), tile(2.0, "hole")]
    assert escape_at(GOOD + flaws) == 0.5
    assert auroc([*GOOD, tile(2.0, "hole")]) == 1.0
    assert auroc([*GOOD, tile(-1.0, "hole")]) == 0.0
    assert np.isnan(auroc([]))


def test_names_are_counted_over_what_was_found() -> None:
    unknown = "unknown_anomaly"
    tiles = [
        *GOOD,
        tile(2, "hole", "hole"),
        tile(2, "hole", "stain"),
        tile(2, "hole", unknown),
        tile(0, "hole"),
    ]
    assert right_share(tiles) == pytest.approx(1 / 3)
    assert unknown_share(tiles) == pytest.approx(1 / 3)
    assert np.isnan(right_share(GOOD))


def test_intervals_draw_whole_styles() -> None:
    tiles = [tile(1, "hole", "hole", style) for style in range(8)]
    tiles += [tile(1, "hole", "stain", style) for style in range(8, 16)]
    low, high = interval(tiles, right_share)
    assert 0.15 < low < 0.4
    assert 0.6 < high < 0.85
    assert interval(tiles, right_share) == [low, high]


def test_what_is_left_out_is_not_among_what_is_known() -> None:
    pytest.importorskip("torch", reason="PyTorch is the extra `train`")
    left_out = importlib.import_module("tests.benchmarks.left_out")

    assert len(left_out.KINDS_LEFT_OUT) == 3
    assert set(left_out.KINDS_LEFT_OUT) | set(left_out.KINDS_KNOWN) == set(KINDS)
    assert not set(left_out.KINDS_LEFT_OUT) & set(left_out.KINDS_KNOWN)
    assert set(left_out.FAMILIES_LEFT_OUT) | set(left_out.FAMILIES_KNOWN) == set(FAMILIES)
    plan = left_out.plan_of(quick=True)
    assert plan.without_kinds == left_out.KINDS_LEFT_OUT
    assert plan.key != left_out.plan_of(quick=False).key
