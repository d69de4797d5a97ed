"""The supervisor's desk at the kiosk: naming kinds of flaws, teaching styles, calibrating."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from edge.interfaces.kiosk.calibration_desk import CalibrationDesk
from edge.interfaces.kiosk.teaching_desk import TeachingDesk
from edge.station.errors import (
    BadgeMissingError,
    DeskBusyError,
    DeskUnknownActError,
    FindingUnknownError,
    FlawNotDescribedError,
    KindInvalidError,
    StationBusyError,
    StyleUnknownError,
    SupervisorNeededError,
    ThicknessInvalidError,
)
from edge.station.inspection_record import Finding
from edge.station.workstation import Workstation

THICKEST_MM = 100.0
_KIND = re.compile(r"[^\W_](?:[\w \-]{0,38}[^\W_])?")
Json = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """What a person called a finding of the picture that is shown; an empty kind: no more so."""

    inspection_id: str
    index: int
    finding: Finding
    kind: str
    picture_sha256: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KindDoors:
    """``keep`` writes a naming down and learns from it; False where it cannot be described."""

    keep: Callable[[Naming], Awaitable[bool]]
    counts: Callable[[], Mapping[str, int]]
    fewest_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ThicknessDoors:
    """How thick cloths are: ``keep`` takes style, millimetres and who typed them."""

    known: Callable[[], Mapping[str, float]]
    keep: Callable[[str, float, str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What a supervisor may do here; every act asks for the right again."""

    station: Workstation
    kinds: KindDoors
    teaching: TeachingDesk
    calibration: CalibrationDesk
    thickness: ThicknessDoors
    named: dict[tuple[str, int], str]

    def may(self) -> bool:
        """Say whether the person whose badge was scanned supervises."""
        try:
            self._supervisor()
        except (BadgeMissingError, SupervisorNeededError):
            return False
        return True

    def pdf(self, board: str) -> bytes:
        """Draw a board to print; no right is needed to look at one.

        Raises:
            BoardUnknownError: no file describes it.
        """
        return self.calibration.pdf(board)

    async def act(self, act: str, given: Mapping[str, str]) -> None:
        """Do what a button of the desk asks.

        Raises:
            RefusalError: it cannot be done now, or not by this person.
        """
        by = self._supervisor()
        if self.station.state.phase in {"capturing", "inspecting"}:
            raise StationBusyError
        if self.teaching.learning or self.calibration.working:
            raise DeskBusyError
        acts: dict[str, Callable[[], Awaitable[None]]] = {
            "teach-take": self.teaching.take,
            "teach-learn": self.teaching.learn,
            "calibrate-take": self.calibration.take,
            "calibrate-flat": self.calibration.take_flat,
            "calibrate-finish": self.calibration.finish,
            "gauge": self.calibration.gauge,
        }
        if act == "name-finding":
            await self._name(given, by)
        elif act == "unname-finding":
            await self._unname(given, by)
        elif act == "set-thickness":
            await self._set_thickness(given, by)
        elif act == "teach-begin":
            self.calibration.close()
            await self.teaching.begin(given.get("style", ""))
        elif act == "calibrate-begin":
            await self.teaching.close()
            self.calibration.begin(given.get("board", ""))
        elif act == "close":
            await self.teaching.close()
            self.calibration.close()
        elif act in acts:
            await acts[act]()
        else:
            raise DeskUnknownActError(act)
        await self.station.touch()

    def state(self) -> Json:
        """Return what the page shows of the desk."""
        counts, shown = self.kinds.counts(), self.station.state.shown
        picture = shown.picture_sha256 if shown else ""
        return {
            "supervises": self.may(),
            "styles": list(self.teaching.styles()),
            "boards": list(self.calibration.boards()),
            "thickness_mm": dict(self.thickness.known()),
            "named": {str(i): kind for (of, i), kind in self.named.items() if of == picture},
            "kinds": [{"kind": kind, "count": count} for kind, count in sorted(counts.items())],
            "fewest_count": self.kinds.fewest_count,
            "teaching": self.teaching.state(),
            "calibration": self.calibration.state(),
        }

    async def _name(self, given: Mapping[str, str], by: str) -> None:
        """Let a person's word for a finding teach the station.

        Raises:
            FindingUnknownError: no such finding is shown.
            KindInvalidError: no word that can name a kind.
            FlawNotDescribedError: the finding cannot be looked at again.
        """
        kind = " ".join(given.get("kind", "").split())
        naming = self._naming(given, kind, by)
        if not _KIND.fullmatch(kind) or kind == "unknown_anomaly":
            raise KindInvalidError(kind)
        if not await self.kinds.keep(naming):
            raise FlawNotDescribedError
        self.named[naming.picture_sha256, naming.index] = kind

    async def _set_thickness(self, given: Mapping[str, str], by: str) -> None:
        """Measure a style by a thickness that somebody typed.

        Raises:
            StyleUnknownError: no open work order has it.
            ThicknessInvalidError: no thickness that a cloth can have.
            DiskFullError: it cannot be kept.
        """
        style, typed = given.get("style", ""), given.get("thickness_mm", "").replace(",", ".")
        if style not in self.teaching.styles():
            raise StyleUnknownError(style, style=style)
        try:
            thickness_mm = float(typed)
        except ValueError as error:
            raise ThicknessInvalidError(typed) from error
        if not 0 < thickness_mm < THICKEST_MM:
            raise ThicknessInvalidError(typed)
        await self.thickness.keep(style, thickness_mm, by)

    async def _unname(self, given: Mapping[str, str], by: str) -> None:
        """Take back the name that was given to a finding of the shown picture.

        Raises:
            FindingUnknownError: no such finding is shown, or it was not named here.
            FlawNotDescribedError: the finding cannot be looked at again.
        """
        naming = self._naming(given, "", by)
        if (naming.picture_sha256, naming.index) not in self.named:
            raise FindingUnknownError
        if not await self.kinds.keep(naming):
            raise FlawNotDescribedError
        del self.named[naming.picture_sha256, naming.index]

    def _naming(self, given: Mapping[str, str], kind: str, by: str) -> Naming:
        """Return what is said of the finding that ``given`` points at.

        Raises:
            FindingUnknownError: no such finding is shown.
        """
        shown = self.station.state.shown
        findings = shown.record.findings if shown and shown.record else ()
        index = int(given["index"]) if given.get("index", "").isdecimal() else len(findings)
        if shown is None or index >= len(findings):
            raise FindingUnknownError
        return Naming(
            inspection_id=shown.inspection_id,
            index=index,
            finding=findings[index],
            kind=kind,
            picture_sha256=shown.picture_sha256,
            by=by,
        )

    def _supervisor(self) -> str:
        """Return who supervises here now.

        Raises:
            BadgeMissingError: nobody has scanned a badge.
            SupervisorNeededError: that person may not.
        """
        worker, index = self.station.state.worker, self.station.index
        if worker is None:
            raise BadgeMissingError
        person = index.person(worker.login) if index else None
        if person is None or not person.supervises:
            raise SupervisorNeededError
        return worker.login
