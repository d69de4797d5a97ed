"""One point of measure and one seam, for every shape in which they are written down.

The floor's pipeline, the station, the cloud and the wire each have their own class for them.
"""

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_LENGTH: dict[str, Any] = {
    "name": "length",
    "axis": "length",
    "at_ratio": 0.5,
    "nominal_mm": 500.0,
    "lower_mm": -5.0,
    "upper_mm": 5.0,
    "severity": "major",
    "thickness_mm": 0.6,
}
_HEM: dict[str, Any] = {
    "seam": "hem",
    "side": "bottom",
    "inset_mm": 12.0,
    "pitch_mm": 3.0,
    "lower_mm": -0.3,
    "upper_mm": 0.3,
    "max_cv_ratio": 0.12,
    "max_skipped_count": 0,
    "severity": "major",
}
LENGTH_TITLES = {"title_ko": "총장", "title_en": "Length"}
HEM_TITLES = {"title_ko": "밑단", "title_en": "Hem"}


def point(kind: Callable[..., T], **changes: Any) -> T:
    """A length of 500 ± 5 mm."""
    return kind(**{**_LENGTH, **changes})


def seam(kind: Callable[..., T], **changes: Any) -> T:
    """A hem with a pitch of 3 ± 0.3 mm."""
    return kind(**{**_HEM, **changes})
