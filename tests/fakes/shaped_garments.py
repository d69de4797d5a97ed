"""A bodice with curved neckline and armholes on a rendered table, and the template of its style."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import CubicSpline

from cloud.infrastructure.training.rendering.camera import Camera, Placement
from cloud.infrastructure.training.rendering.fabric import FABRICS
from cloud.infrastructure.training.rendering.laying import Garment
from cloud.infrastructure.training.rendering.scene import SceneSpec, render_scene
from cloud.infrastructure.training.rendering.sensor import Sensor
from edge.inspection.standard import DefectStandard, InspectionStandard
from edge.inspection.template import StyleTemplate, TemplatePoint

CORNERS = (
    "neck_left",
    "neck_right",
    "shoulder_right",
    "underarm_right",
    "hem_right",
    "hem_left",
    "underarm_left",
    "shoulder_left",
)
_STEP_MM = 1.0


def _curve(*through: tuple[float, float]) -> np.ndarray:
    """A smooth line through places, a point every millimetre, last one left out."""
    places = np.array(through, dtype=float)
    at = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(places, axis=0).T))])
    spline = CubicSpline(at, places)
    fine = spline(np.linspace(0, at[-1], max(2, round(at[-1] / _STEP_MM)) + 1))
    return fine[:-1]


@dataclass(frozen=True, kw_only=True)
class Bodice:
    """Half measures in mm of a symmetric front; quacks like the renderer's panel."""

    neck_mm: float = 85.0
    neck_depth_mm: float = 70.0
    shoulder_mm: float = 190.0
    slope_mm: float = 32.0
    chest_mm: float = 215.0
    armhole_mm: float = 200.0
    hem_mm: float = 195.0
    length_mm: float = 560.0

    @property
    def width_mm(self) -> float:
        """Widest place."""
        return 2 * self.chest_mm

    def sides(self) -> list[np.ndarray]:
        """Sides from corner to corner, clockwise, from the left end of the neckline."""
        top = -self.length_mm / 2
        bottom, under = self.length_mm / 2, top + self.slope_mm + self.armhole_mm
        neck, dip = self.neck_mm, self.neck_depth_mm
        inner = (self.shoulder_mm + self.chest_mm) / 2 - 32
        shoulder = top + self.slope_mm
        neckline = _curve(
            (-neck, top),
            (-neck * 0.6, top + dip * 0.75),
            (0, top + dip),
            (neck * 0.6, top + dip * 0.75),
            (neck, top),
        )
        armhole = _curve(
            (self.shoulder_mm, shoulder),
            (inner - 8, shoulder + 0.45 * self.armhole_mm),
            (inner + 4, shoulder + 0.8 * self.armhole_mm),
            (self.chest_mm, under),
        )
        right = [
            _curve((neck, top), (self.shoulder_mm, shoulder)),
            armhole,
            _curve((self.chest_mm, under), (self.hem_mm, bottom)),
        ]
        ends = [
            np.array([[self.shoulder_mm, shoulder]]),
            np.array([[self.chest_mm, under]]),
            np.array([[self.hem_mm, bottom]]),
        ]
        hem = _curve((self.hem_mm, bottom), (-self.hem_mm, bottom))
        left = []
        for side, end in zip(reversed(right), reversed(ends), strict=True):
            whole = np.concatenate([side, end])[::-1] * [-1, 1]
            left.append(whole[:-1])
        return [neckline, *right, hem, *left]

    def outline(self) -> np.ndarray:
        """Closed outline, clockwise as seen: (N, 2) float64 in mm."""
        return np.concatenate(self.sides())

    def side_mm(self, number: int) -> float:
        """True length of one side."""
        sides = self.sides()
        line = np.concatenate([sides[number], sides[(number + 1) % len(sides)][:1]])
        return float(np.hypot(*np.diff(line, axis=0).T).sum())

    def corner(self, name: str) -> np.ndarray:
        """True place of a corner."""
        return self.sides()[CORNERS.index(name)][0]

    def truths(self) -> dict[str, tuple[str, str, bool, float]]:
        """Points of measure: start, stop, along, true length."""
        apart = lambda a, b: float(np.hypot(*(self.corner(a) - self.corner(b))))  # noqa: E731
        return {
            "neckline": ("neck_left", "neck_right", True, self.side_mm(0)),
            "armhole right": ("shoulder_right", "underarm_right", True, self.side_mm(2)),
            "armhole left": ("underarm_left", "shoulder_left", True, self.side_mm(6)),
            "shoulder right": (
                "neck_right",
                "shoulder_right",
                False,
                apart("neck_right", "shoulder_right"),
            ),
            "across shoulders": (
                "shoulder_left",
                "shoulder_right",
                False,
                apart("shoulder_left", "shoulder_right"),
            ),
            "chest": (
                "underarm_left",
                "underarm_right",
                False,
                apart("underarm_left", "underarm_right"),
            ),
            "hem": ("hem_right", "hem_left", True, self.side_mm(4)),
            "side right": (
                "underarm_right",
                "hem_right",
                False,
                apart("underarm_right", "hem_right"),
            ),
            "front length": ("neck_mid", "hem_mid", False, self.length_mm - self.neck_depth_mm),
        }


def template_of(bodice: Bodice, thickness_mm: float | None, style: str = "bodice") -> StyleTemplate:
    """The pattern of a bodice, with its true lengths as nominal ones."""
    sides = bodice.sides()
    starts = np.cumsum([0, *(len(side) for side in sides[:-1])])
    half = bodice.length_mm / 2
    return StyleTemplate(
        style=style,
        outline_mm=np.concatenate(sides),
        corners=dict(zip(CORNERS, (int(s) for s in starts), strict=True)),
        landmarks={"neck_mid": (0.0, bodice.neck_depth_mm - half), "hem_mid": (0.0, half)},
        points=tuple(
            TemplatePoint(
                name=name,
                start=start,
                stop=stop,
                along=along,
                nominal_mm=true_mm,
                lower_mm=-5,
                upper_mm=5,
                severity="major",
                thickness_mm=thickness_mm,
            )
            for name, (start, stop, along, true_mm) in bodice.truths().items()
        ),
    )


def standard_with(template: StyleTemplate) -> InspectionStandard:
    """A standard that only measures by a template."""
    return InspectionStandard(
        style=template.style,
        spec_version="1",
        points=(),
        stitches=(),
        defects=DefectStandard(minor_below_mm2=2, major_from_mm2=6),
        checks=frozenset({"measure"}),
        template=template,
    )


def any_bodice(seed: int) -> tuple[Bodice, SceneSpec]:
    """A piece that departs from its pattern by lot, on a table with tilt, lens and blur by lot."""
    lot = np.random.default_rng(seed)
    bodice = replace(
        Bodice(),
        **{
            name: getattr(Bodice(), name) + lot.uniform(-6, 6)
            for name in (
                "neck_mm",
                "neck_depth_mm",
                "shoulder_mm",
                "chest_mm",
                "armhole_mm",
                "hem_mm",
                "length_mm",
            )
        },
    )
    spec = SceneSpec(
        camera=Camera(
            k1_ratio=lot.uniform(-0.18, 0),
            tilt_x_deg=lot.uniform(-3, 3),
            tilt_y_deg=lot.uniform(-3, 3),
            roll_deg=lot.uniform(-1, 1),
        ),
        sensor=Sensor(blur_px=lot.uniform(0.5, 1.0)),
        garment=Garment(
            panel=bodice,
            fabric=FABRICS[list(FABRICS)[seed % len(FABRICS)]],
            pose=Placement(
                x_mm=550 + lot.uniform(-20, 20),
                y_mm=412 + lot.uniform(-10, 10),
                turn_deg=lot.uniform(-4, 4),
            ),
        ),
    )
    return bodice, spec


def draw_bodice(spec: SceneSpec, seed: int) -> np.ndarray:
    """Return the picture (H, W, 3) uint8."""
    return render_scene(spec, np.random.default_rng(seed))[0]
