"""Training samples: good cloth of every family, flaws of every kind, and masks that fit them."""

import numpy as np
import pytest

from cloud.infrastructure.training.rendering import (
    ANOMALIES,
    FAMILIES,
    KINDS,
    draw_style,
    render_cloth,
    render_sample,
    spoil,
)
from cloud.infrastructure.training.rendering.errors import ImpossibleSceneError

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
    with pytest.raises(ImpossibleSceneError, match="shape"):
        spoil(np.zeros((64, 64), np.uint8), None, generator, "stain")
