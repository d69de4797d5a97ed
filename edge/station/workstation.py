"""The station at work: one act after the other, each written down before it is shown."""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from edge.station import guide
from edge.station.alarms import AlarmBoard
from edge.station.errors import (
    BadgeMissingError,
    CameraUnpluggedError,
    DiskFullError,
    FrameBlackError,
    InspectionFailedError,
    NotEnrolledError,
    NothingToDisputeError,
    RefusalError,
    StationBusyError,
)
from edge.station.events import Fact, Stamp, StationSnapshot, StepFinished
from edge.station.floor_code import parse_code
from edge.station.guide_state import Decision, Floor, GuideState, Refusal
from edge.station.hearing import Hearing
from edge.station.identity import StationIdentity
from edge.station.inspection_record import InspectionTask
from edge.station.ports import (
    Camera,
    Clock,
    IdFactory,
    Inspector,
    Journal,
    Memory,
    PictureStore,
)
from edge.station.progress import Progress, StepRecord, record_of
from edge.station.tally import DayTally
from edge.station.work_package import LearnedKinds, WorkIndex, WorkPackage
from edge.station.worker import BadgeRules, Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.station.bundle_line import BundleLine

_LOG = logging.getLogger(__name__)
_REMEMBER_EVERY = timedelta(minutes=1)
_LOOKS = (
    "frame_black",
    "frame_blurred",
    "frame_overexposed",
    "calibration_missing",
    "tags_hidden",
    "gauge_check_missing",
    "gauge_check_old",
    "gauge_off",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkstationPorts:
    """Everything that the station acts through."""

    clock: Clock
    ids: IdFactory
    camera: Camera
    inspector: Inspector
    pictures: PictureStore
    journal: Journal
    memory: Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class StationRules:
    """Settings that the station decides by."""

    name: str
    badge: BadgeRules
    capture_timeout_s: float


class Workstation:
    """Takes scans and acts, asks the guide, commits, then shows."""

    def __init__(
        self,
        ports: WorkstationPorts,
        rules: StationRules,
        *,
        progress: Progress,
        worker: Worker | None = None,
        tally: DayTally | None = None,
    ) -> None:
        self.rules = rules
        self.alarms = AlarmBoard()
        self.hearing = Hearing()
        self.identity: StationIdentity | None = None
        self.index: WorkIndex | None = None
        self.progress = progress
        self.state = GuideState(worker=worker)
        self.bundle = ""
        self.bundle_line: BundleLine | None = None
        #: Counts that a person overruled a bundle on trial.
        self.overrule: Callable[[], None] | None = None
        self._disputed = ""
        #: The agent's own reserve, on the same disk, is spent.
        self.agent_disk_low = False
        self._ports = ports
        self._tally = tally or DayTally(day=self._today())
        self._lock = asyncio.Lock()
        self._look: asyncio.Task[None] | None = None
        self._remembered = worker
        self._version = 0
        self._changed = asyncio.Condition()
        self._heard_ids: deque[bytes] = deque(maxlen=20_000)
        self._heard_set: set[bytes] = set()
        self._last_snapshot: StationSnapshot | None = None

    # What others see

    @property
    def version(self) -> int:
        """Return a number that rises with each change."""
        return self._version

    async def changed_since(self, version: int) -> int:
        """Wait until something changed after ``version`` and return the new number."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._version != version)
            return self._version

    async def touch(self) -> None:
        """Tell everybody who waits that something changed."""
        async with self._changed:
            self._version += 1
            self._changed.notify_all()

    @property
    def stages(self) -> tuple[str, ...]:
        """Return the stages that this station takes."""
        return self.index.package.stages if self.index else ()

    @property
    def tally(self) -> DayTally:
        """Return what was finished here today."""
        return self._tally.on(self._today())

    def _today(self) -> date:
        return self._ports.clock.now().astimezone().date()

    @property
    def unsent_count(self) -> int:
        """Return the facts that still lie in the spool only."""
        return self._ports.journal.unstored_count()

    def reads_camera_codes(self) -> bool:
        """Say whether a code in the camera's view means anything now."""
        shown = self.state.phase == "verdict" or (
            self.state.phase == "refused" and self.state.work is None
        )
        return self.index is not None and (self.state.phase == "idle" or shown)

    def is_on_table(self, text: str) -> bool:
        """Say whether a code names the piece whose guide or verdict is shown."""
        work, code = self.state.work, parse_code(text)
        return work is not None and code is not None and code.id == work.piece.piece_id

    # What people do

    async def scan(self, text: str, reader: str) -> Refusal | None:
        """Take one code; return why it was refused, or None."""
        accepted_ns = self._ports.clock.monotonic_ns()
        await self._settled()
        async with self._lock:
            decision = guide.scan(self.state, self._floor(), text, reader)
            await self._apply(decision, accepted_ns)
            return self.state.refusal

    async def act(self, action: str, piece_id: str = "") -> None:
        """Do what a button asks.

        Raises:
            RefusalError: it cannot be done now.
        """
        accepted_ns = self._ports.clock.monotonic_ns()
        if self._look is not None:
            raise StationBusyError
        async with self._lock:
            disputed = action == "dispute"
            decision = self._dispute() if disputed else self._button(action, piece_id)
            await self._apply(decision, accepted_ns)
            if self.state.refusal is not None and self.state.refusal.code == "DISK_FULL":
                raise DiskFullError

    def _button(self, action: str, piece_id: str) -> Decision:
        floor = self._floor()
        match action:
            case "start":
                return guide.start(self.state, floor)
            case "finish":
                return guide.finish(self.state, floor)
            case "retake":
                return guide.retake(self.state, floor)
            case "choose":
                return guide.choose(self.state, floor, piece_id)
            case "cancel":
                return guide.cancel(self.state)
            case _:
                return guide.sign_out(self.state)

    @property
    def disputable(self) -> bool:
        """Say whether the verdict shown is a trial's and nobody has overruled it yet."""
        shown, line = self.state.shown, self.bundle_line
        if self.overrule is None or line is None or line.state != "TRIAL" or shown is None:
            return False
        return bool(shown.picture_sha256) and shown.picture_sha256 != self._disputed

    def _dispute(self) -> Decision:
        """Count against the bundle on trial what the worker sees better; the verdict stands."""
        if self.state.worker is None:
            raise BadgeMissingError
        if not self.disputable or self.state.shown is None or self.overrule is None:
            raise NothingToDisputeError
        self._disputed = self.state.shown.picture_sha256
        self.overrule()
        return Decision(state=self.state)

    async def _apply(self, decision: Decision, accepted_ns: int) -> None:
        """Commit the decision's facts, then show its state; a full disk shows only that."""
        try:
            await self._commit(decision)
        except DiskFullError as error:
            await self._disk_full(error)
            return
        if decision.inspect:
            self._look = asyncio.create_task(self._inspect(accepted_ns))
        await self.touch()

    async def _commit(self, decision: Decision) -> None:
        stamp = self._stamp(decision.state.worker)
        if decision.facts:
            await self._ports.journal.append(decision.facts, stamp)
        for fact in decision.facts:
            if (record := record_of(fact, self.rules.name)) is not None:
                self.progress.note(record)
            if isinstance(fact, StepFinished):
                attempt = (fact.piece_id, fact.step_id, fact.attempt)
                self._tally = self.tally.with_finish(attempt, fact.verdict)
        self.state = decision.state
        if _worth_remembering(self._remembered, self.state.worker):
            self._remembered = self.state.worker
            await self._ports.memory.remember_worker(self.state.worker)

    def _stamp(self, after: Worker | None) -> Stamp:
        worker = after or self.state.worker
        basis = self.index.package.digest if self.index else ""
        return Stamp(worker=worker.login if worker else "", basis=basis)

    async def write_down(self, fact: Fact, *, own: bool = False) -> None:
        """Commit what a supervisor did at the desk, or the station's ``own``, before it counts.

        Raises:
            DiskFullError: the disk takes no more; nothing was kept.
        """
        async with self._lock:
            try:
                stamp = replace(self._stamp(None), worker="") if own else self._stamp(None)
                await self._ports.journal.append([fact], stamp)
            except DiskFullError as error:
                self.alarms.set("disk_full", on=True, detail=str(error))
                await self.touch()
                raise

    async def _disk_full(self, error: RefusalError) -> None:
        self.alarms.set("disk_full", on=True, detail=str(error))
        refused = Refusal(code=error.code)
        self.state = replace(self.state, phase="refused", refusal=refused)
        await self.touch()

    async def _settled(self) -> None:
        """Wait for the running look at a piece, if any."""
        if self._look is not None:
            await asyncio.wait({self._look})

    # The look at a piece

    async def _inspect(self, accepted_ns: int) -> None:
        """Capture, judge, commit, show; on any failure the step stays started."""
        try:
            decision, spent_ms = await self._judge()
            assert decision.state.shown is not None  # noqa: S101 - judged() shows
            begun_ns = self._ports.clock.monotonic_ns()
            await self._commit(decision)
            now_ns = self._ports.clock.monotonic_ns()
            spent_ms["commit_ms"] = (now_ns - begun_ns) / 1e6
            elapsed_ms = (now_ns - accepted_ns) / 1e6
            shown = replace(decision.state.shown, scan_to_verdict_ms=round(elapsed_ms, 1))
            self.state = replace(self.state, shown=shown)
            self.alarms.set("inspection_failed", on=False)
            spent = {"verdict": shown.verdict, "elapsed_ms": elapsed_ms} | spent_ms
            _LOG.info("verdict", extra=spent)
        except DiskFullError as error:
            await self._disk_full(error)
        except RefusalError as error:
            self.state = guide.refuse(replace(self.state, phase="guide"), error).state
            if isinstance(error, CameraUnpluggedError):
                self.alarms.set("camera_unplugged", on=True)
        except Exception:  # noqa: BLE001
            # Whatever broke inside the pipeline: the worker is told and may try again.
            _LOG.exception("inspection failed")
            self.alarms.set("inspection_failed", on=True)
            begun = replace(self.state, phase="guide")
            self.state = guide.refuse(begun, InspectionFailedError()).state
        finally:
            self._look = None
            await self.touch()

    async def _judge(self) -> tuple[Decision, dict[str, float]]:
        """Look and judge; return the decision and the milliseconds that its parts took."""
        work = self.state.work
        if work is None or work.standard is None:
            raise StationBusyError
        ports, index, clock = self._ports, self.index, self._ports.clock
        begun_ns = clock.monotonic_ns()
        shot = await ports.camera.capture(self.rules.capture_timeout_s)
        captured_ns = clock.monotonic_ns()
        self.state = replace(self.state, phase="inspecting")
        await self.touch()
        task = InspectionTask(
            style=work.order.style,
            spec_version=work.spec_version,
            standard=work.standard,
            style_bank=index.package.style_banks.get(work.order.style) if index else None,
            more_banks=index.package.more_banks.get(work.order.style, ()) if index else (),
            withdrawn_banks=index.package.withdrawn_banks if index else frozenset(),
            template=index.package.template(work.order.style, work.piece.size) if index else None,
            prototypes=index.package.prototypes if index else b"",
            learned_kinds=index.package.learned_kinds if index else LearnedKinds(),
        )
        record, picture = await asyncio.gather(
            ports.inspector.inspect(shot, task), ports.pictures.put(shot.encoded)
        )
        for code in _LOOKS:
            self.alarms.set(code, on=code in record.reasons)
        self.bundle = record.bundle
        if "frame_black" in record.reasons:
            raise FrameBlackError
        spent_ms = {
            "capture_ms": (captured_ns - begun_ns) / 1e6,
            "inspect_ms": (clock.monotonic_ns() - captured_ns) / 1e6,
            "pipeline_ms": record.elapsed_ms,
        }
        return guide.judged(self.state, record, ports.ids.new("ins"), picture), spent_ms

    # What changes around the station

    async def enrolled(self, identity: StationIdentity | None) -> None:
        """Take the identity that enrolment wrote."""
        if identity != self.identity:
            self.identity = identity
            await self.touch()

    async def package_arrived(self, package: WorkPackage) -> None:
        """Judge by a new package from now on.

        Raises:
            NotEnrolledError: the package is another organization's.
        """
        if self.identity and package.organization_id != self.identity.organization_id:
            raise NotEnrolledError
        async with self._lock:
            self.index = WorkIndex(package)
            keep = self.index.piece_ids()
            self.progress.forget_all_but(keep)
            await self._ports.memory.forget_pieces(keep)
            self.state = guide.refreshed(self.state, self._floor())
        await self.touch()

    async def heard(self, event_id: bytes, record: StepRecord) -> None:
        """Take a neighbour's start or finish, once."""
        if event_id in self._heard_set:
            return
        if len(self._heard_ids) == self._heard_ids.maxlen:
            self._heard_set.discard(self._heard_ids[0])
        self._heard_ids.append(event_id)
        self._heard_set.add(event_id)
        self.progress.note(record)
        try:
            await self._ports.memory.remember_heard(record)
        except DiskFullError as error:
            self.alarms.set("disk_full", on=True, detail=str(error))
        await self.touch()

    async def observe(
        self, *, broker: bool, cloud: bool, camera: str | None, why: str = ""
    ) -> None:
        """Take the links' and the camera's state, an alarm's code; ``why`` is the agent's code."""
        changed = self.hearing.observe(
            broker=broker, cloud=cloud, now_ns=self._ports.clock.monotonic_ns()
        )
        standing = {
            "enrolment_pending": self.identity is None,
            "package_missing": self.identity is not None and self.index is None,
            "broker_away": not broker,
            "cloud_away": self.identity is not None and not cloud,
            "camera_unplugged": camera == "camera_unplugged",
            "camera_not_configured": camera == "camera_not_configured",
        }
        for code, on in standing.items():
            changed |= self.alarms.set(code, on=on)
        changed |= self.alarms.explain(("enrolment_pending", "cloud_away"), why)
        if changed:
            await self.touch()

    async def alarm(self, code: str, *, on: bool, detail: str = "") -> None:
        """Raise or clear an alarm that another part of the station noticed."""
        if self.alarms.set(code, on=on, detail=detail):
            await self.touch()

    async def tick(self) -> None:
        """Do what time asks for: end badges, write alarms down, try a full disk again."""
        if self._look is not None:
            return
        async with self._lock:
            await self._watch_reserve()
            if "disk_full" in self.alarms.codes() and await self._ports.journal.probe():
                self.alarms.set("disk_full", on=False)
                if self.state.refusal is not None and self.state.refusal.code == "DISK_FULL":
                    self.state = guide.cancel(self.state).state
                await self.touch()
            decision = guide.tick(self.state, self._floor())
            if decision is not None:
                await self._apply(decision, 0)
            await self._write_alarms()
            await self._snapshot()

    async def _watch_reserve(self) -> None:
        """Warn while the disk is so full that its reserve is spent; work goes on."""
        low = self.agent_disk_low or not await self._ports.journal.has_reserve()
        if self.alarms.set("disk_low", on=low):
            await self.touch()

    async def _write_alarms(self) -> None:
        waiting = self.alarms.unwritten()
        if not waiting or "disk_full" in self.alarms.codes():
            return
        try:
            await self._ports.journal.append(waiting, self._stamp(None))
            self.alarms.written(len(waiting))
        except DiskFullError as error:
            self.alarms.set("disk_full", on=True, detail=str(error))

    async def _snapshot(self) -> None:
        """Offer the present state to the ``state`` stream; only the latest one counts."""
        snapshot = self.snapshot()
        if snapshot == self._last_snapshot or "disk_full" in self.alarms.codes():
            return
        try:
            if await self._ports.journal.append_snapshot(snapshot, self._stamp(None)):
                self._last_snapshot = snapshot
        except DiskFullError as error:
            self.alarms.set("disk_full", on=True, detail=str(error))

    def snapshot(self) -> StationSnapshot:
        """Return the station's state in a few words."""
        state, tally = self.state, self.tally
        return StationSnapshot(
            worker=state.worker.login if state.worker else "",
            piece_id=state.work.piece.piece_id if state.work else "",
            step_id=state.work.step.step_id if state.work else "",
            phase=state.phase,
            alarms=self.alarms.codes(),
            finished_count=tally.finished_count,
            failed_count=tally.failed_count,
            spool_count=0,
            bundle=self.bundle,
            package_digest=self.index.package.digest if self.index else "",
            camera="camera_unplugged" if "camera_unplugged" in self.alarms.codes() else "ok",
        )

    def _floor(self) -> Floor:
        return Floor(
            organization_id=self.identity.organization_id if self.identity else None,
            stages=frozenset(self.stages),
            index=self.index,
            progress=self.progress,
            order_known=self.hearing.order_known,
            rules=self.rules.badge,
            now=self._ports.clock.now().astimezone(),
        )


def _worth_remembering(kept: Worker | None, worker: Worker | None) -> bool:
    """Say whether a restart would notice the difference; each flush costs the worker time."""
    if kept is None or worker is None:
        return kept is not worker
    return kept.login != worker.login or worker.last_act - kept.last_act > _REMEMBER_EVERY
