"""The piece behind an inspection, and a person's verdict on it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PiecePlace:
    """Names of the piece that was inspected, for whoever watches."""

    piece_number: int
    work_order_id: str
    work_order_number: str
    station_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonsVerdict:
    """A person's verdict on one inspected attempt."""

    inspection_id: str
    piece_id: str
    step_id: str
    attempt: int
    verdict: str
    reason: str
    by: str
    at: datetime
