"""A station's home as the agent leaves it: identity, work package, link."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

from kyndof_wire.fleet.v1 import fleet_pb2 as fleet

from tests.fakes.standards import LENGTH_TITLES, point, seam

ORGANIZATION = "01JDEM0000000000000000000A"
OTHER = "01JDEM0000000000000000000Z"
ORDER = "01JW0RK000000000000000000A"
STEPS = {"CUT": "01JSTEPCVT000000000000000A", "SEW": "01JSTEPSEW000000000000000B"} | {
    "QC": "01JSTEPQC0000000000000000C"
}
BADGE_CUTTER = "01JBADGE00000000000000CVTR"
BADGE_INSPECTOR = "01JBADGE000000000000QCPERS"
TITLES = {"CUT": ("재단", "Cutting"), "SEW": ("봉제", "Sewing"), "QC": ("검품", "Inspection")}


def piece_ulid(number: int) -> str:
    return f"01JP1ECE000000000000{number:06d}"


def code(kind: str, ulid: str, organization: str = ORGANIZATION) -> str:
    return f"KY1:{kind}:{organization}:{ulid}"


def _standard() -> fleet.Standard:
    return fleet.Standard(
        points=[point(fleet.PointOfMeasure, thickness_mm=1, **LENGTH_TITLES)],
        stitches=[
            seam(
                fleet.StitchStandard,
                seam="right",
                side="right",
                pitch_mm=2.5,
                title_ko="오른쪽 솔기",
                title_en="Right seam",
            )
        ],
        minor_below_mm2=4,
        major_from_mm2=25,
        checks=["defects", "measure", "stitches"],
    )


def package(
    *, station: str = "CUT-01", stages: tuple[str, ...] = ("CUT", "SEW"), checked: bool = True
) -> fleet.WorkPackage:
    """One work order of ten pieces, steps CUT, SEW, QC; a cutter and an inspector."""
    steps = [
        fleet.Step(
            step_id=f"stp_{ulid}",
            position=number,
            stage=stage,
            title_ko=TITLES[stage][0],
            title_en=TITLES[stage][1],
            requires_quality_check=checked,
            guide=[
                fleet.GuideLine(
                    text_ko="원단의 겉면이 위로 오게 펼칩니다.", text_en="Face side up."
                ),
                fleet.GuideLine(
                    text_ko="패턴을 올결에 맞추고 무게추로 고정합니다.",
                    text_en="Align the pattern with the grain and weigh it down.",
                ),
                fleet.GuideLine(
                    text_ko="시접 12 mm를 지켜 자릅니다.", text_en="Cut with 12 mm allowance."
                ),
            ],
            standard=_standard(),
        )
        for number, (stage, ulid) in enumerate(STEPS.items(), start=1)
    ]
    pieces = [
        fleet.Piece(
            piece_id=f"pc_{piece_ulid(number)}",
            number=number,
            size="M",
            open_step_id=steps[0].step_id,
            state="OPEN",
            attempt=1,
        )
        for number in range(1, 11)
    ]
    return fleet.WorkPackage(
        organization_id=f"org_{ORGANIZATION}",
        station_id="sta_01JSTAT10N0000000000000001",
        station_name=station,
        stages=stages,
        work_orders=[
            fleet.WorkOrder(
                work_order_id=f"wo_{ORDER}",
                number="WO-2026-0001",
                title_ko="무대 재킷 앞판",
                title_en="Stage jacket front",
                style="JK-01",
                spec_version="1",
                steps=steps,
                pieces=pieces,
            )
        ],
        roster=[
            fleet.Person(
                login="worker@demo.example",
                name_ko="한서진",
                name_en="Seojin Han",
                badge=BADGE_CUTTER,
                stages=["CUT", "SEW"],
            ),
            fleet.Person(
                login="lead@demo.example",
                name_ko="오하늘",
                name_en="Haneul Oh",
                badge=BADGE_INSPECTOR,
                stages=["QC"],
                supervises=True,
            ),
        ],
    )


def write_package(home: Path, content: fleet.WorkPackage) -> str:
    """Leave a package as the agent does: the bytes first, their digest last."""
    raw = content.SerializeToString(deterministic=True)
    digest = hashlib.sha256(raw).hexdigest()
    folder = home / "packages"
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in ((digest, raw), ("current.digest", digest.encode())):
        fresh = folder / f".{name}.new"
        fresh.write_bytes(data)
        fresh.rename(folder / name)
    return digest


def write_identity(home: Path, station: str = "CUT-01") -> None:
    folder = home / "identity" / "current"
    folder.mkdir(parents=True, exist_ok=True)
    identity = {
        "station_id": "sta_01JSTAT10N0000000000000001",
        "organization_id": f"org_{ORGANIZATION}",
        "station_name": station,
        "organization_code": "demo",
    }
    fresh = folder / ".station.json.new"
    fresh.write_text(json.dumps(identity), encoding="utf-8")
    fresh.rename(folder / "station.json")


def write_link(home: Path, *, cloud: bool, unsent: int = 0) -> None:
    at = datetime.now(UTC).isoformat()
    fresh = home / ".link.json.new"
    fresh.write_text(json.dumps({"cloud": cloud, "unsent": unsent, "detail": "", "at": at}))
    fresh.rename(home / "link.json")
