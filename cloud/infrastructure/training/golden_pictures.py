"""Pictures whose verdicts a bundle brings along: rendered cloth, good and with flaws, by a seed."""

import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering import KINDS, draw_style, render_sample

SEED = 20
STYLES, GOOD_TILES, FLAWED_TILES, SIDE_PX = 4, 5, 3, 128


def golden_tiles(seed: int = SEED) -> NDArray[np.uint8]:
    """Render the pictures of a seed: (32, 128, 128, 3) uint8 RGB, four cloths of eight each."""
    tiles = []
    for number in range(STYLES):
        generator = np.random.default_rng([seed, number])
        style = draw_style(generator)
        flaws = generator.choice(KINDS, FLAWED_TILES, replace=False)
        for kind in (*[None] * GOOD_TILES, *map(str, flaws)):
            tiles.append(render_sample(style, generator, kind, SIDE_PX).picture)
    return np.stack(tiles)
