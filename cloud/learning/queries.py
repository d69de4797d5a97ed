"""Questions about what people taught, and their answers."""

from dataclasses import dataclass
from datetime import datetime

from cloud.commands.command import Query
from cloud.learning.commands import CalibrationBoard


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedForStation(Query):
    """What should a station know of what people taught at all of them?"""

    station_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedStyle:
    """A style's newest bank for each bundle, newest first, and the digests of withdrawn ones."""

    style: str
    banks: tuple[bytes, ...] = ()
    withdrawn: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedContents:
    """Files of prototypes, one a bundle, with the count of the station's own namings; styles."""

    prototypes: tuple[bytes, ...] = ()
    own_naming_count: int = 0
    styles: tuple[LearnedStyle, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTaughtBanks(Query):
    """Which styles are taught, where, by whom, when? Newest first; those after ``before``."""

    limit: int = 100
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaughtBankView:
    """A bank as it was taught; ``in_use`` says whether stations are given it now."""

    bank_id: str
    style: str
    station_id: str
    station_name: str
    taught_by: str
    taught_at: datetime
    piece_count: int
    threshold_score: float
    overkill_ratio: float
    bundle_digest: str
    size_bytes: int
    in_use: bool
    withdrawn_by: str | None = None
    withdrawn_at: datetime | None = None
    withdrawn_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNamedKinds(Query):
    """Which kinds of flaws did people name, and how often?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedKindView:
    """A kind of flaws in the words of a bundle; stations know it from ``fewest_count`` on."""

    kind: str
    bundle_digest: str
    naming_count: int
    fewest_count: int
    last_named_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCalibrations(Query):
    """How were the stations calibrated? Newest first; ``station_id`` "" for all of them.

    ``before`` is STATION/CALIBRATION: those that follow it.
    """

    station_id: str = ""
    limit: int = 100
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationView:
    """How a station's camera and table were learned; ``newest`` is the station's latest."""

    calibration_id: str
    station_id: str
    station_name: str
    calibrated_by: str
    calibrated_at: datetime
    rms_px: float
    board: CalibrationBoard
    table: str
    residual_px: float
    camera_height_mm: float
    check_mm: float | None
    views_count: int
    dropped_count: int
    coverage_ratio: float
    newest: bool
