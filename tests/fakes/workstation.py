"""A workstation on fakes of its ports."""

import hashlib
import itertools
from datetime import UTC, datetime, timedelta

import numpy as np

from edge.infrastructure.wire_work_package import decode_work_package
from edge.station.errors import CameraUnpluggedError, DiskFullError
from edge.station.identity import StationIdentity
from edge.station.inspection_record import (
    AnomalyMap,
    Finding,
    InspectionRecord,
    Measurement,
    Shot,
    StitchReading,
)
from edge.station.progress import Progress
from edge.station.worker import BadgeRules
from edge.station.workstation import StationRules, Workstation, WorkstationPorts
from tests.fakes import station_home as home


class Clock:
    def __init__(self):
        self.at = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
        self.ns = itertools.count(1_000_000_000, 1_000_000)

    def now(self):
        return self.at

    def monotonic_ns(self):
        return next(self.ns)


class Ids:
    def __init__(self):
        self._numbers = itertools.count(1)

    def new(self, prefix):
        return f"{prefix}_{next(self._numbers):026d}"

    def event_id(self):
        return next(self._numbers).to_bytes(16, "big")


class Camera:
    unplugged = False

    async def capture(self, timeout_s):
        if self.unplugged:
            raise CameraUnpluggedError
        pixels = np.zeros((3, 4, 3), dtype=np.uint8)
        return Shot(pixels=pixels, encoded=b"jpeg", content_type="image/jpeg")


def judged(verdict="PASS", **more) -> InspectionRecord:
    """A record with one of everything."""
    outcome = verdict if verdict != "REVIEW" else "CANNOT_MEASURE"
    return InspectionRecord(
        **(
            {
                "verdict": verdict,
                "measurements": (
                    Measurement(
                        name="length",
                        title_ko="총장",
                        title_en="Length",
                        nominal_mm=500.0,
                        lower_mm=-5.0,
                        upper_mm=5.0,
                        value_mm=502.0,
                        uncertainty_mm=0.6,
                        outcome=outcome,
                        reason="",
                        from_px=(2000.0, 600.0),
                        to_px=(2000.0, 2400.0),
                        severity="major",
                    ),
                ),
                "stitches": (
                    StitchReading(
                        seam="right",
                        title_ko="오른쪽 솔기",
                        title_en="Right seam",
                        nominal_mm=2.5,
                        lower_mm=-0.3,
                        upper_mm=0.3,
                        pitch_mm=3.02,
                        uncertainty_mm=0.05,
                        cv_ratio=0.21,
                        skipped_count=1,
                        outcome=outcome,
                        reason="stitches_uneven" if verdict == "FAIL" else "",
                        seam_px=((2650.0, 650.0), (2650.0, 2350.0)),
                        severity="major",
                        max_cv_ratio=0.12,
                    ),
                ),
                "findings": ()
                if verdict == "PASS"
                else (
                    Finding(
                        defect_class="unknown_anomaly",
                        defect_score=9.5,
                        polygon_px=((1500.0, 900.0), (1700.0, 900.0), (1650.0, 1080.0)),
                        area_px=18000.0,
                        area_mm2=31.5,
                        severity="major",
                    ),
                ),
                "anomaly_score": 3.1,
                "threshold_score": 6.0,
                "anomaly_map": AnomalyMap(width=2, height=2, values=b"\x00\x40\x80\xff"),
                "bundle": "base@1",
                "frame_width_px": 4000,
                "frame_height_px": 3000,
            }
            | more
        )
    )


class Inspector:
    def __init__(self):
        self.answer = judged()
        self.gate = None
        self.tasks = []

    async def inspect(self, shot, task):
        self.tasks.append(task)
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Pictures:
    def __init__(self):
        self.kept = {}

    async def put(self, content):
        digest = hashlib.sha256(content).hexdigest()
        self.kept[digest] = content
        return digest


class Journal:
    """Journal and memory in lists; `full` makes every write fail."""

    def __init__(self):
        self.full = False
        self.reserve = True
        self.facts = []
        self.commits = []
        self.snapshots = []
        self.worker = None

    async def append(self, facts, stamp):
        if self.full:
            raise DiskFullError
        self.facts += facts
        self.commits.append((tuple(facts), stamp))

    async def append_snapshot(self, snapshot, stamp):
        self.snapshots.append(snapshot)
        return True

    async def probe(self):
        return not self.full

    async def has_reserve(self):
        return self.reserve

    def unstored_count(self):
        return len(self.facts)

    async def remember_worker(self, worker):
        self.worker = worker

    async def remember_heard(self, record):
        pass

    async def forget_pieces(self, keep):
        pass


class Stand:
    """A workstation and the fakes under it."""

    def __init__(self, *, records=(), stages=("CUT", "SEW"), camera=None, inspector=None):
        self.clock = Clock()
        self.camera, self.inspector = camera or Camera(), inspector or Inspector()
        self.journal, self.pictures = Journal(), Pictures()
        self.stages = stages
        self.station = Workstation(
            WorkstationPorts(
                clock=self.clock,
                ids=Ids(),
                camera=self.camera,
                inspector=self.inspector,
                pictures=self.pictures,
                journal=self.journal,
                memory=self.journal,
            ),
            StationRules(
                name="CUT-01",
                badge=BadgeRules(silence=timedelta(minutes=30)),
                capture_timeout_s=0.1,
            ),
            progress=Progress(records),
        )

    async def ready(self, package=None):
        """Enrol and hand over a package."""
        await self.station.enrolled(
            StationIdentity(
                station_id="sta_01JSTAT10N0000000000000001",
                organization_id=f"org_{home.ORGANIZATION}",
                station_name="CUT-01",
                organization_code="demo",
            )
        )
        raw = (package or home.package(stages=self.stages)).SerializeToString(deterministic=True)
        digest = hashlib.sha256(raw).hexdigest()
        await self.station.package_arrived(decode_work_package(raw, digest))
        return self

    async def begun(self, piece=3):
        """Sign in, scan a piece and start its step."""
        await self.station.scan(home.code("B", home.BADGE_CUTTER), "hid")
        await self.station.scan(home.code("P", home.piece_ulid(piece)), "hid")
        await self.station.act("start")
        return self

    async def settled(self):
        """Wait until no look is running."""
        await self.station._settled()

    def types(self):
        return [fact.type for fact in self.journal.facts]
