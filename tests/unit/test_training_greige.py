"""Greige: woven thread by thread, the same for the same seed, with masks that fit its flaws."""

import numpy as np
import pytest

from cloud.infrastructure.training.rendering import GREIGE_FLAWS, draw_greige, render_greige
from cloud.infrastructure.training.rendering.errors import ImpossibleSceneError
from cloud.infrastructure.training.rendering.greige import GREIGE_STRUCTURES

pytestmark = pytest.mark.requirement("DEF")


def test_every_structure_is_drawn_and_none_is_flat() -> None:
    seen = {}
    for seed in range(60):
        generator = np.random.default_rng([1, seed])
        style = draw_greige(generator)
        if style.structure not in seen:
            tile = render_greige(style, generator, None, 64)
            seen[style.structure] = tile.picture
            assert tile.picture.shape == (64, 64, 3)
            assert tile.picture.dtype == np.uint8
            assert not tile.mask.any()
            assert float(tile.picture.std()) > 0.5
    assert set(seen) == set(GREIGE_STRUCTURES)


def test_the_same_seed_gives_the_same_tile() -> None:
    tiles = []
    for seed in (2, 2, 3):
        generator = np.random.default_rng(seed)
        tiles.append(render_greige(draw_greige(generator), generator, "missing_thread", 96))
    assert np.array_equal(tiles[0].picture, tiles[1].picture)
    assert np.array_equal(tiles[0].mask, tiles[1].mask)
    assert not np.array_equal(tiles[0].picture, tiles[2].picture)


@pytest.mark.parametrize("flaw", GREIGE_FLAWS)
def test_every_flaw_marks_a_place_and_not_all_of_the_tile(flaw: str) -> None:
    shares = []
    for seed in range(12):
        generator = np.random.default_rng([4, seed])
        tile = render_greige(draw_greige(generator), generator, flaw, 96)
        assert tile.kind == flaw
        shares.append(float(tile.mask.mean()))
    assert sum(share > 0 for share in shares) >= 9
    assert float(np.median(shares)) < 0.5


def test_what_cannot_be_woven_is_refused() -> None:
    generator = np.random.default_rng(5)
    style = draw_greige(generator)
    with pytest.raises(ImpossibleSceneError, match="ghost"):
        render_greige(style, generator, "ghost", 96)
    with pytest.raises(ImpossibleSceneError, match="8 px"):
        render_greige(style, generator, None, 8)
