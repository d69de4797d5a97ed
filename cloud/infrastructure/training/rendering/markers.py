"""Tags of the table and the label of a piece, as decals."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from cloud.infrastructure.training.rendering.camera import Placement
from cloud.infrastructure.training.rendering.decal import Decal, opaque
from cloud.infrastructure.training.rendering.errors import ImpossibleSceneError

_INK = 0.05
_PAPER = 0.93
_QUIET_MODULES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class TableTags:
    """Four ArUco tags (DICT_4X4_50): id to the centre (x, y) in mm, black square of `side_mm`."""

    side_mm: float = 50.0
    quiet_mm: float = 12.5
    centres_mm: Mapping[int, tuple[float, float]] = field(
        default_factory=lambda: {
            0: (60.0, 60.0),
            1: (1040.0, 60.0),
            2: (1040.0, 765.0),
            3: (60.0, 765.0),
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A printed label with a code, lying flat, its middle at `placement`.

    `code` is a boolean (N, N) matrix of modules, true = ink, without quiet zone, `side_mm` wide;
    four modules of white surround it. Or it is a grey picture (h, w) uint8 of a whole label,
    margins included, `side_mm` wide.
    """

    text: str
    code: NDArray[np.bool_] | NDArray[np.uint8]
    side_mm: float = 40.0
    placement: Placement = field(default_factory=lambda: Placement(x_mm=890.0, y_mm=410.0))


def tag_decals(tags: TableTags) -> list[tuple[Placement, Decal]]:
    """Each tag on its white plate, with where it lies."""
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    decals = []
    for number, (x_mm, y_mm) in tags.centres_mm.items():
        bits = cv2.aruco.generateImageMarker(dictionary, number, 6, borderBits=1) > 127
        # Half a cell is the largest texel that the plate's border divides into.
        fine = np.kron(bits, np.ones((4, 4), bool))
        texel = tags.side_mm / fine.shape[0]
        margin = round(tags.quiet_mm / texel)
        plate = np.pad(fine, margin, constant_values=True)
        shade = np.where(plate, np.float32(_PAPER), np.float32(_INK))[None]
        half = plate.shape[0] * texel / 2
        decals.append(
            (
                Placement(x_mm=x_mm, y_mm=y_mm),
                opaque(shade, left_mm=-half, top_mm=-half, texel_mm=texel),
            )
        )
    return decals


def label_decal(label: Label) -> Decal:
    """The label's paper and ink, its middle at the label's origin.

    Raises:
        ImpossibleSceneError: the code has no modules, or its matrix is not square.
    """
    code = label.code
    modules = code.dtype == np.bool_
    if code.ndim != 2 or code.size == 0 or (modules and code.shape[0] != code.shape[1]):
        raise ImpossibleSceneError(f"a label cannot be printed from an array {code.shape}")
    dark = code if modules else 1 - code.astype(np.float32) / 255
    shade = np.asarray(_PAPER + (_INK - _PAPER) * dark, dtype=np.float32)
    paper = np.pad(shade, _QUIET_MODULES if modules else 0, constant_values=_PAPER)[None]
    texel = label.side_mm / code.shape[1]
    return opaque(
        paper,
        left_mm=-paper.shape[2] * texel / 2,
        top_mm=-paper.shape[1] * texel / 2,
        texel_mm=texel,
    )
