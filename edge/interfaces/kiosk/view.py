"""The station's whole state as the page reads it."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from edge.interfaces.kiosk.texts import is_said, say_both
from edge.station.alarms import Alarm
from edge.station.bundle_line import BundleLine
from edge.station.guide_state import Refusal, Shown, Work
from edge.station.inspection_record import Finding, InspectionRecord, PointPx
from edge.station.work_package import PieceOfOrder, Step
from edge.station.workstation import Workstation

_OPEN = frozenset({"OPEN", "STARTED"})
# Behind these stands the agent's word on the way to the cloud; a code of it may have a sentence.
_LINK_ALARMS = frozenset({"cloud_away", "enrolment_pending"})

Json = Mapping[str, object]


def state_json(station: Workstation, *, language: str, unsent: int) -> Json:
    """Return everything that the page shows."""
    state = station.state
    work = state.work
    return {
        "type": "state",
        "station": {
            "name": station.rules.name,
            "enrolled": station.identity is not None,
            "ready": station.index is not None,
            "stages": list(station.stages),
            "organization_id": station.identity.organization_id if station.identity else None,
        },
        "language": language,
        "worker": _worker(station),
        "phase": state.phase,
        "piece": _piece(work) if work else None,
        "step": _step(work) if work else None,
        "guide": _guide(work.step) if work else [],
        "verdict": _verdict(station, state.shown, work) if state.shown and work else None,
        "refusal": refusal_json(state.refusal) if state.phase == "refused" else None,
        "choices": [
            {"piece_id": choice.id, "number": choice.number, "label": choice.label}
            for choice in state.choices
        ]
        if state.phase == "choose"
        else [],
        "alarms": [_alarm(alarm) for alarm in station.alarms.standing()],
        "link": {
            "broker": station.hearing.broker,
            "cloud": station.hearing.cloud,
            "unsent": unsent + station.unsent_count,
        },
        "spool": station.unsent_count,
        "bundle": _bundle(station.bundle_line),
        "disputable": station.disputable,
        "order_unconfirmed": work.order_unconfirmed if work else False,
    }


def _bundle(line: BundleLine | None) -> Json | None:
    """Say in one quiet line what judges here; None where nobody knows yet."""
    if line is None:
        return None
    details = {
        "bundle": line.deciding,
        "candidate": line.candidate,
        "n": str(line.garments_count),
        "of": str(line.asked_count),
    }
    return say_both(f"bundle.{line.state.lower() or 'calm'}", details)


def _worker(station: Workstation) -> Json | None:
    worker = station.state.worker
    if worker is None:
        return None
    person = station.index.person(worker.login) if station.index else None
    return {
        "login": worker.login,
        "name_ko": person.name_ko if person else worker.login,
        "name_en": person.name_en if person else worker.login,
    }


def _piece(work: Work) -> Json:
    return {
        "id": work.piece.piece_id,
        "number": work.piece.number,
        "size": work.piece.size,
        "work_order": work.order.number,
        "title_ko": work.order.title_ko,
        "title_en": work.order.title_en,
    }


def _step(work: Work) -> Json:
    return {
        "id": work.step.step_id,
        "stage": work.step.stage,
        "title_ko": work.step.title_ko,
        "title_en": work.step.title_en,
        "requires_quality_check": work.step.requires_quality_check,
        "attempt": work.attempt,
        "started": work.started,
        "rework": work.rework,
        "instruction_ko": work.piece.instruction_ko if work.rework else "",
        "instruction_en": work.piece.instruction_en if work.rework else "",
    }


def _guide(step: Step) -> Sequence[Json]:
    return [
        {
            "text_ko": line.text_ko,
            "text_en": line.text_en,
            "picture_url": f"/guide/{step.step_id}/{number}" if line.picture else None,
        }
        for number, line in enumerate(step.guide)
    ]


def refusal_json(refusal: Refusal | None) -> Json | None:
    """Return a refusal with its sentence in both languages."""
    if refusal is None:
        return None
    sentence = say_both(f"refusal.{refusal.code}", refusal.details)
    return {"code": refusal.code, **sentence, "code_text": refusal.text}


def _alarm(alarm: Alarm) -> Json:
    key = f"link.{alarm.detail}"
    if alarm.code not in _LINK_ALARMS or not is_said(key):
        key = f"alarm.{alarm.code}"
    return {"code": alarm.code, **say_both(key), "detail": alarm.detail}


def _verdict(station: Workstation, shown: Shown, work: Work) -> Json:
    record = shown.record or InspectionRecord(verdict=shown.verdict)
    return {
        "verdict": shown.verdict,
        "measurements": [
            asdict(m) | {"from_px": _point(m.from_px), "to_px": _point(m.to_px)}
            for m in record.measurements
        ],
        "stitches": [
            asdict(s) | {"seam_px": [_point(p) for p in s.seam_px]} for s in record.stitches
        ],
        "findings": [_finding(f) for f in record.findings],
        "reasons": [{"code": code, **say_both(f"reason.{code}")} for code in record.reasons],
        "anomaly_score": record.anomaly_score,
        "threshold_score": record.threshold_score,
        "picture_url": f"/picture/{shown.picture_sha256}" if shown.picture_sha256 else None,
        "frame_width_px": record.frame_width_px,
        "frame_height_px": record.frame_height_px,
        "anomaly_map": _map(record),
        "next": _next(station, work),
        "bundle": record.bundle,
        "elapsed_ms": record.elapsed_ms,
        "scan_to_verdict_ms": shown.scan_to_verdict_ms,
    }


def _point(point: PointPx | None) -> Json | None:
    return None if point is None else {"x_px": point[0], "y_px": point[1]}


def _map(record: InspectionRecord) -> Json | None:
    small = record.anomaly_map
    if small is None:
        return None
    values = base64.b64encode(small.values).decode()
    return {"width": small.width, "height": small.height, "base64": values}


def _next(station: Workstation, work: Work) -> dict[str, str]:
    """Say what comes next for the piece, by the newest package and the floor since."""
    found = station.index.piece(work.piece.piece_id) if station.index else None
    found = found or PieceOfOrder(order=work.order, piece=work.piece)
    standing = station.progress.standing(found.order, found.piece)
    if standing.step is None or standing.state == "DONE":
        return say_both("next.done")
    step = standing.step
    details = {"step_ko": step.title_ko, "step_en": step.title_en, "stage": step.stage}
    if standing.state in _OPEN and found.piece.open_step_id == step.step_id:
        korean, english = found.piece.instruction_ko, found.piece.instruction_en
        if korean or english:
            return {"ko": korean or english, "en": english or korean}
        if standing.attempt > work.attempt:
            return say_both("next.rework", details)
    key = "step" if standing.state in _OPEN else standing.state.lower()
    return say_both(f"next.{key}", details)


def _finding(found: Finding) -> Mapping[str, object]:
    """Return what the page shows of a finding; what it is like says nothing to people."""
    told = asdict(found)
    del told["description"]
    return told | {
        "score": found.defect_score,
        "polygon_px": [_point(p) for p in found.polygon_px],
    }
