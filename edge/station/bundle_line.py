"""One line for the kiosk: which bundle judges here, and whether another one is on trial."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleLine:
    """``state`` is SHADOW or TRIAL while a candidate is on its way, else empty.

    ``garments_count`` of ``asked_count`` were judged so far in that state.
    """

    deciding: str
    state: str = ""
    candidate: str = ""
    garments_count: int = 0
    asked_count: int = 0
