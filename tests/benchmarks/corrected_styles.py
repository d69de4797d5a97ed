"""New styles, the tiles of them that a station shows, and what people say about them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.corrections import Corrections
from cloud.infrastructure.training.rendering import ROSE, FabricStyle, draw_style, render_sample
from edge.inspection.ports import DefectDetector
from edge.inspection.style_bank import StyleBank
from edge.inspection.texture import CELL_PX, own_mean
from tests.benchmarks.rendered_styles import taught

SIDE_PX, TEACHING_CROPS = 192, 14
_CELLS = SIDE_PX // CELL_PX


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How many tiles of a style: good ones, flaws of the new kind, flaws of known ones."""

    good: int
    new: int
    known: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStyle:
    """A style that was taught, and what its tiles are drawn by."""

    name: str
    style: FabricStyle
    bank: StyleBank
    generator: np.random.Generator


def new_style(name: str, family: str, seed: list[int], detector: DefectDetector) -> NewStyle:
    """Draw a style and teach it from good crops, as a station does."""
    generator = np.random.default_rng(seed)
    style = draw_style(generator, family)
    crops = [render_sample(style, generator, None, 256).picture for _ in range(TEACHING_CROPS)]
    return NewStyle(name=name, style=style, bank=taught(crops, detector), generator=generator)


def tiles_of(
    new: NewStyle,
    wanted: Wanted,
    kinds: tuple[str, tuple[str, ...]],
    detector: DefectDetector,
) -> Corrections:
    """Render tiles, each a piece of its own, with the truth for a word; good ones come first.

    ``kinds`` are the new one and the known ones.
    """
    knit = new.style.yarns.structure in {"jersey", "rib_knit", "purl"}
    known = [kind for kind in kinds[1] if knit or kind != "dropped_stitch"]
    words = [""] * wanted.good + [kinds[0]] * wanted.new
    words += [str(kind) for kind in new.generator.choice(known, wanted.known)]
    departures, masks = [], []
    for word in words:
        sample = render_sample(new.style, new.generator, word or None, SIDE_PX, ROSE)
        departures.append(departures_of(sample.picture, new.bank, detector))
        blocks = sample.mask.reshape(_CELLS, CELL_PX, _CELLS, CELL_PX)
        masks.append(blocks.any(axis=(1, 3)))
    pieces = [f"{new.name}-{new.generator.integers(1 << 40):010x}" for _ in words]
    return Corrections(
        bundle_digest=detector.identity.digest,
        styles=np.full(len(words), new.name),
        pieces=np.array(pieces),
        words=np.array(words, dtype="U64"),
        departures=np.stack(departures),
        masks=np.stack(masks),
    )


def departures_of(
    picture: NDArray[np.uint8], bank: StyleBank, detector: DefectDetector
) -> NDArray[np.float16]:
    """What the heads see of a tile (H, W, 3): (H/8, W/8, C), measured from its own middle."""
    scale, features = bank.scales[0], detector.features(picture[None])[0]
    middle = own_mean(features.reshape(-1, features.shape[-1]), scale.mean)
    found = (features - middle) @ scale.whitening
    return np.asarray(found.clip(-30, 30), dtype=np.float16)


def joined(parts: list[Corrections]) -> Corrections:
    """Join corrections of several styles."""
    return Corrections(
        bundle_digest=parts[0].bundle_digest,
        styles=np.concatenate([part.styles for part in parts]),
        pieces=np.concatenate([part.pieces for part in parts]),
        words=np.concatenate([part.words for part in parts]),
        departures=np.concatenate([part.departures for part in parts]),
        masks=np.concatenate([part.masks for part in parts]),
    )
