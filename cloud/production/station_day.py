"""A station's day."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StationDay:
    """What was finished at one station today, by the same count as the whole floor's."""

    station_id: str
    finished_today_count: int
    failed_today_count: int
