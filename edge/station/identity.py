"""Who the station is, as enrolment wrote it down."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StationIdentity:
    """The content of ``identity/current/station.json``."""

    station_id: str
    organization_id: str
    station_name: str
    organization_code: str
