"""Pictures of garments on an inspection table, with known truth.

Conventions used by every module of this package:

* The **table plane** is measured in mm: origin at the top left of the nominal view, x to the
  right, y down, z up towards the camera.
* **Pixels** are counted as OpenCV counts them: the centre of the first pixel is (0.0, 0.0), so the
  picture's outer corner is (-0.5, -0.5). The nominal camera maps `px = mm * px_per_mm - 0.5`.
* Shade is linear reflectance, 0 black to 1 white, stored without gamma: 8-bit = 255 x shade.
* All randomness comes from the `numpy.random.Generator` that the caller hands in.
"""

from cloud.infrastructure.training.rendering.grain import Grain, find_grain
from cloud.infrastructure.training.rendering.greige import GreigeStyle, draw_greige
from cloud.infrastructure.training.rendering.greige_flaws import GREIGE_FLAWS, render_greige
from cloud.infrastructure.training.rendering.samples import (
    ANOMALIES,
    FAMILIES,
    FITTED_KINDS,
    KINDS,
    SEAM_KINDS,
    FabricStyle,
    Sample,
    draw_style,
    render_cloth,
    render_label,
    render_sample,
    render_seam,
    spoil,
    style_for,
)
from cloud.infrastructure.training.rendering.visibility import ROSE

__all__ = [
    "ANOMALIES",
    "FAMILIES",
    "FITTED_KINDS",
    "GREIGE_FLAWS",
    "KINDS",
    "ROSE",
    "SEAM_KINDS",
    "FabricStyle",
    "Grain",
    "GreigeStyle",
    "Sample",
    "draw_greige",
    "draw_style",
    "find_grain",
    "render_cloth",
    "render_greige",
    "render_label",
    "render_sample",
    "render_seam",
    "spoil",
    "style_for",
]
