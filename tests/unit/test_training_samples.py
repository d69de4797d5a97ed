"""Training samples: good cloth of every family, flaws of every kind, and masks that fit them."""

from dataclasses import replace

import numpy as np
import pytest

from cloud.infrastructure.training.rendering import (
    ANOMALIES,
    FAMILIES,
    FITTED_KINDS,
    KINDS,
    SEAM_KINDS,
    draw_style,
    render_cloth,
    render_label,
    render_sample,
    render_seam,
    spoil,
    style_for,
)
from cloud.infrastructure.training.rendering.errors import ImpossibleSceneError
from cloud.infrastructure.training.rendering.grain import find_grain
from cloud.infrastructure.training.rendering.samples import grain_of

pytestmark = pytest.mark.requirement("DEF")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_the_same_cloth_for_the_same_seed(family: str) -> None:
    pictures = []
    for seed in (5, 5, 6):
        generator = np.random.default_rng(seed)
        pictures.append(render_cloth(draw_style(generator, family), generator, 64))
    assert pictures[0].shape == (64, 64, 3)
    assert pictures[0].dtype == np.uint8
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


@pytest.mark.parametrize("kind", KINDS + ANOMALIES)
def test_a_flaw_changes_the_picture_inside_its_mask_and_hardly_elsewhere(kind: str) -> None:
    generator = np.random.default_rng(7)
    style = draw_style(generator, "woven")
    good = render_cloth(style, generator, 96)
    spoiled, mask = spoil(good, style, generator, kind)
    assert spoiled.shape == good.shape
    assert mask.dtype == np.bool_
    assert mask.any()
    difference = np.abs(spoiled.astype(int) - good).mean(axis=2)
    assert difference[mask].mean() > 2 * difference[~mask].mean()


def test_a_sample_without_a_flaw_has_an_empty_mask() -> None:
    generator = np.random.default_rng(8)
    sample = render_sample(draw_style(generator, "denim"), generator, None, 64)
    assert sample.kind is None
    assert not sample.mask.any()


def test_what_cannot_be_drawn_is_refused() -> None:
    generator = np.random.default_rng(9)
    style = draw_style(generator, "knit")
    with pytest.raises(ImpossibleSceneError, match="family"):
        draw_style(generator, "concrete")
    with pytest.raises(ImpossibleSceneError, match="px"):
        render_cloth(style, generator, 8)
    with pytest.raises(ImpossibleSceneError, match="kind"):
        spoil(np.zeros((64, 64, 3), np.uint8), style, generator, "ghost")
    with pytest.raises(ImpossibleSceneError, match="uint8"):
        spoil(np.zeros((64, 64, 3), np.uint16), None, generator, "stain")  # type: ignore[arg-type]
    with pytest.raises(ImpossibleSceneError, match="shape"):
        spoil(np.zeros((64, 64), np.uint8), None, generator, "stain")


@pytest.mark.parametrize("kind", FITTED_KINDS)
def test_flaws_of_seams_trims_and_labels_come_with_a_mask(kind: str) -> None:
    generator = np.random.default_rng(10)
    sample = render_sample(style_for(generator, kind), generator, kind, 128)
    assert sample.kind == kind
    assert 6 <= int(sample.mask.sum()) < sample.mask.size / 2


def test_good_seams_and_straight_labels_have_no_mask() -> None:
    generator = np.random.default_rng(11)
    style = draw_style(generator, "twill")
    for sample in (render_seam(style, generator, None, 96), render_label(style, generator, 96)):
        assert sample.kind is None
        assert not sample.mask.any()


def test_a_trim_that_the_style_does_not_carry_cannot_be_missing() -> None:
    generator = np.random.default_rng(12)
    with pytest.raises(ImpossibleSceneError, match="no trim 'bead'"):
        render_sample(draw_style(generator, "denim"), generator, "missing_bead", 64)
    with pytest.raises(ImpossibleSceneError, match="sequin"):
        style_for(generator, "missing_bead", "denim")
    with pytest.raises(ImpossibleSceneError, match="flaw of seams"):
        render_seam(draw_style(generator, "denim"), generator, "stain", 64)  # type: ignore[arg-type]


def test_the_grain_of_a_picture_is_read_off_it() -> None:
    right = 0
    for seed in range(20):
        generator = np.random.default_rng([13, seed])
        style = draw_style(generator, "technical")
        found = find_grain(render_cloth(style, generator, 160))
        right += abs(found.angle_deg - grain_of(style).angle_deg) < 4.0
    assert right >= 16
    assert find_grain(np.full((64, 64, 3), 90, np.uint8)).angle_deg == 0.0


def test_a_picture_without_a_style_is_spoiled_and_stays_itself() -> None:
    generator = np.random.default_rng(14)
    good = render_cloth(draw_style(generator, "technical"), generator, 96)
    before = good.copy()
    spoiled, mask = spoil(good, None, generator, "broken_pick")
    assert np.array_equal(good, before)
    assert mask.any()
    assert not np.array_equal(spoiled, good)
    again, where = spoil(good, find_grain(good), np.random.default_rng(15), "broken_pick")
    once, there = spoil(good, None, np.random.default_rng(15), "broken_pick")
    assert np.array_equal(again, once)
    assert np.array_equal(where, there)


def test_the_smallest_tiles_have_masks_too() -> None:
    for kind in (*KINDS, *SEAM_KINDS, "crooked_label", "missing_sequin"):
        generator = np.random.default_rng(16)
        sample = render_sample(style_for(generator, kind), generator, kind, 32)
        assert sample.mask.any(), kind


def test_a_trim_too_sparse_for_the_tile_is_refused() -> None:
    generator = np.random.default_rng(17)
    style = style_for(generator, "hotfix_loss")
    assert style.trim is not None
    far = replace(style, trim=replace(style.trim, pitch_px=400.0))
    with pytest.raises(ImpossibleSceneError, match="too small"):
        render_sample(far, generator, "hotfix_loss", 32)
