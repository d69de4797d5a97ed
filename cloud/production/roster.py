"""Who may work at a station, as its work package says."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagePerson:
    """A badge holder; ``badge`` is the ULID in the badge's code.

    Who supervises may also teach styles, name kinds of flaws and calibrate at a station.
    """

    login: str
    name_ko: str
    name_en: str
    badge: str
    stages: tuple[str, ...]
    supervises: bool = False
