"""A garment of the demo style on the table, for a machine without a camera."""

from pathlib import Path

import cv2
import numpy as np

from cloud.infrastructure.training.rendering.camera import Camera, Placement
from cloud.infrastructure.training.rendering.demo_style import DEMO_STYLE
from cloud.infrastructure.training.rendering.laying import Garment
from cloud.infrastructure.training.rendering.markers import TableTags
from cloud.infrastructure.training.rendering.scene import SceneSpec, render_scene
from cloud.infrastructure.training.rendering.sensor import Light, Sensor

_SEED = 20_260_701
_QUALITY = 92


def render_once(folder: Path, *, with_seam: bool) -> None:
    """Put one 12 Mpx picture into ``folder`` unless a picture lies there already."""
    if any(folder.glob("*.jpg")):
        return
    garment = Garment(
        panel=DEMO_STYLE.panel,
        fabric=DEMO_STYLE.fabric,
        pose=Placement(x_mm=550.0, y_mm=412.5, turn_deg=1.2),
        seams=(DEMO_STYLE.seam,) if with_seam else (),
        defects=(),
        points=DEMO_STYLE.points,
    )
    spec = SceneSpec(
        camera=Camera(width_px=4000, height_px=3000, tilt_x_deg=0.6, tilt_y_deg=-0.4),
        light=Light(),
        sensor=Sensor(),
        tags=TableTags(),
        garment=garment,
        label=None,
    )
    picture, _ = render_scene(spec, np.random.default_rng(_SEED))
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    written, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not written:
        raise OSError("the picture cannot be encoded")
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / ".demo.partial"
    draft.write_bytes(encoded.tobytes())
    draft.replace(folder / "demo.jpg")
