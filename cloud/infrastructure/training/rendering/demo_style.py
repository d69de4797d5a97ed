"""The style of the demonstration: one place for its numbers."""

from dataclasses import dataclass

from cloud.infrastructure.training.rendering.fabric import FABRICS, Fabric
from cloud.infrastructure.training.rendering.garment import Panel, PointOfMeasure, Side
from cloud.infrastructure.training.rendering.seam import Seam


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoStyle:
    """A straight panel with one hem seam; lengths in mm."""

    style: str = "demo-panel"
    length_mm: float = 500.0
    width_mm: float = 380.0
    seam_name: str = "hem"
    seam_side: Side = "bottom"
    seam_inset_mm: float = 12.0
    pitch_mm: float = 3.0
    fabric_name: str = "blue-twill"
    thread_contrast_ratio: float = 0.22

    @property
    def fabric(self) -> Fabric:
        """The cloth, its thickness included."""
        return FABRICS[self.fabric_name]

    @property
    def panel(self) -> Panel:
        """The outline at nominal size."""
        return Panel(length_mm=self.length_mm, width_mm=self.width_mm)

    @property
    def seam(self) -> Seam:
        """The hem, sewn well."""
        return Seam(
            name=self.seam_name,
            side=self.seam_side,
            inset_mm=self.seam_inset_mm,
            pitch_mm=self.pitch_mm,
            contrast_ratio=self.thread_contrast_ratio,
        )

    @property
    def points(self) -> tuple[PointOfMeasure, ...]:
        """What is measured on it."""
        return (
            PointOfMeasure(name="length", axis="length", at_ratio=0.5),
            PointOfMeasure(name="width", axis="width", at_ratio=0.5),
        )


DEMO_STYLE = DemoStyle()
