"""Everything a station needs to work alone: orders, pieces, steps, people, standards."""

from dataclasses import dataclass, field, replace
from typing import Literal

PieceState = Literal[
    "OPEN",
    "STARTED",
    "REVIEW",
    "REWORK",
    "WAITING",
    "DONE",
    "QUARANTINE",
    "ESCALATED",
    "SCRAPPED",
]
Severity = Literal["critical", "major", "minor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A badge holder and the stages that he or she may work at.

    Who supervises may also teach styles, name kinds of flaws and calibrate.
    """

    login: str
    name_ko: str
    name_en: str
    badge: str
    stages: frozenset[str]
    supervises: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideLine:
    """One line of a step's guide; ``picture`` is PNG, JPEG or SVG, empty for none."""

    text_ko: str
    text_en: str
    picture: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointOfMeasure:
    """A distance with its own tolerance; an empty ``size`` holds for every size."""

    name: str
    title_ko: str
    title_en: str
    axis: str
    at_ratio: float
    nominal_mm: float
    lower_mm: float
    upper_mm: float
    severity: str
    thickness_mm: float | None
    size: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StitchStandard:
    """A seam's pitch and evenness."""

    seam: str
    title_ko: str
    title_en: str
    side: str
    inset_mm: float
    pitch_mm: float
    lower_mm: float
    upper_mm: float
    max_cv_ratio: float
    max_skipped_count: int
    severity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """What a step is judged by; areas in mm²."""

    points: tuple[PointOfMeasure, ...] = ()
    stitches: tuple[StitchStandard, ...] = ()
    minor_below_mm2: float | None = None
    major_from_mm2: float | None = None
    checks: frozenset[str] = frozenset()

    def for_size(self, size: str) -> "Standard":
        """Return the standard of one size: its own points and those of every size."""
        points = tuple(point for point in self.points if point.size in {"", size})
        return replace(self, points=points)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One ordered step of a work order; ``stations`` are the names of those that take it."""

    step_id: str
    position: int
    stage: str
    title_ko: str
    title_en: str
    requires_quality_check: bool
    guide: tuple[GuideLine, ...] = ()
    standard: Standard | None = None
    stations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece and where the cloud believes it stands."""

    piece_id: str
    number: int
    size: str
    open_step_id: str
    state: PieceState
    attempt: int
    instruction_ko: str = ""
    instruction_en: str = ""
    spec_version: str = ""
    standard: Standard | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrder:
    """An open work order; ``steps`` are in order of position."""

    work_order_id: str
    number: str
    title_ko: str
    title_en: str
    style: str
    spec_version: str
    steps: tuple[Step, ...]
    pieces: tuple[Piece, ...]

    def step(self, step_id: str) -> Step | None:
        """Return the step of that id."""
        return next((s for s in self.steps if s.step_id == step_id), None)

    def step_after(self, step: Step) -> Step | None:
        """Return the step that follows, or None after the last."""
        return next((s for s in self.steps if s.position > step.position), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedKinds:
    """Kinds of flaws learned from every station's namings, one file for each bundle.

    ``own_count`` of this station's own namings are known there.
    """

    prototypes: tuple[bytes, ...] = ()
    own_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkPackage:
    """A whole package and its digest (SHA-256, hex); ``templates`` by style and size.

    ``more_banks`` are a style's banks for other bundles, newest first; ``withdrawn_banks`` the
    digests of banks that count nowhere any more.
    """

    digest: str
    organization_id: str
    station_id: str
    station_name: str
    stages: tuple[str, ...]
    work_orders: tuple[WorkOrder, ...] = ()
    roster: tuple[Person, ...] = ()
    style_banks: dict[str, bytes] = field(default_factory=dict)
    more_banks: dict[str, tuple[bytes, ...]] = field(default_factory=dict)
    templates: dict[str, dict[str, bytes]] = field(default_factory=dict)
    withdrawn_banks: frozenset[str] = frozenset()
    prototypes: bytes = b""
    learned_kinds: LearnedKinds = field(default_factory=LearnedKinds)
    event_watermark: int = 0

    def template(self, style: str, size: str) -> bytes | None:
        """Return the outline of a style in a size; one without a size holds for the others."""
        sizes = self.templates.get(style, {})
        return sizes.get(size, sizes.get(""))


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceOfOrder:
    """A piece together with its work order."""

    order: WorkOrder
    piece: Piece


class WorkIndex:
    """Fast look-ups in one package."""

    def __init__(self, package: WorkPackage) -> None:
        self.package = package
        self._pieces = {
            piece.piece_id: PieceOfOrder(order=order, piece=piece)
            for order in package.work_orders
            for piece in order.pieces
        }
        self._badges = {person.badge: person for person in package.roster}
        self._logins = {person.login: person for person in package.roster}
        self._orders = {order.work_order_id: order for order in package.work_orders}
        self._steps = {step.step_id: order for order in package.work_orders for step in order.steps}

    def piece(self, piece_id: str) -> PieceOfOrder | None:
        """Return the piece and its order."""
        return self._pieces.get(piece_id)

    def person_of_badge(self, badge: str) -> Person | None:
        """Return who carries the badge."""
        return self._badges.get(badge)

    def person(self, login: str) -> Person | None:
        """Return the person of a login."""
        return self._logins.get(login)

    def order(self, work_order_id: str) -> WorkOrder | None:
        """Return a work order."""
        return self._orders.get(work_order_id)

    def order_of_step(self, step_id: str) -> WorkOrder | None:
        """Return the work order that a step belongs to."""
        return self._steps.get(step_id)

    def piece_ids(self) -> frozenset[str]:
        """Return all pieces of the package."""
        return frozenset(self._pieces)

    def pieces_ending_with(self, six: str) -> list[PieceOfOrder]:
        """Return the pieces whose identifier ends with six typed characters."""
        return [found for piece_id, found in self._pieces.items() if piece_id.endswith(six)]

    def badges_ending_with(self, six: str) -> list[Person]:
        """Return the people whose badge ends with six typed characters."""
        return [person for badge, person in self._badges.items() if badge.endswith(six)]
