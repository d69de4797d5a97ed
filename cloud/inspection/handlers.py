"""One function per command and query of inspection."""

from math import isfinite

from cloud.commands.command import Command, Query
from cloud.commands.errors import PayloadInvalidError
from cloud.commands.ports import Handler, UnitOfWork
from cloud.inspection.commands import CorrectInspection, RecordInspection
from cloud.inspection.errors import (
    CorrectionInvalidError,
    InspectionChangedError,
    InspectionInvalidError,
    InspectionUnknownError,
)
from cloud.inspection.events import InspectionCorrected, InspectionRecorded
from cloud.inspection.inspected_piece import PersonsVerdict
from cloud.inspection.ports import Consequences, InspectionStore
from cloud.inspection.queries import (
    FindInspection,
    InspectionReceipt,
    InspectionsOfPieces,
    InspectionView,
    ListInspections,
)
from cloud.inspection.reading import (
    CorrectionChange,
    Measurement,
    StitchReading,
    is_critical,
    is_kind_name,
)

_MOST_AT_ONCE = 100


async def record_inspection(command: RecordInspection, unit: UnitOfWork) -> InspectionReceipt:
    """Keep what a machine saw; the same identifier again gives the same answer."""
    _judge(command)
    store, consequences = unit.store(InspectionStore), unit.store(Consequences)
    place = await consequences.place(command)
    critical = is_critical(
        command.verdict, command.findings, command.measurements, command.stitches
    )
    at = unit.clock.now()
    if not await store.add(command, critical, at):
        return await _same(command, unit)
    unit.record(
        InspectionRecorded(
            inspection_id=command.inspection_id,
            piece_id=command.piece_id,
            piece_number=place.piece_number,
            work_order_id=place.work_order_id,
            work_order_number=place.work_order_number,
            step_id=command.step_id,
            stage=command.stage,
            attempt=command.attempt,
            station_id=command.station_id,
            station_name=place.station_name,
            worker=command.worker,
            verdict=command.verdict,
            critical=critical,
            reasons=command.reasons,
            findings_count=len(command.findings),
            picture_sha256=command.picture_sha256,
        )
    )
    for fact in await consequences.recorded(command, critical, at):
        unit.record(fact)
    return _receipt(command, critical)


def _receipt(command: RecordInspection, critical: bool) -> InspectionReceipt:
    return InspectionReceipt(
        inspection_id=command.inspection_id, verdict=command.verdict, critical=critical
    )


async def _same(command: RecordInspection, unit: UnitOfWork) -> InspectionReceipt:
    known = await find_inspection(FindInspection(inspection_id=command.inspection_id), unit)
    for name in ("piece_id", "step_id", "attempt", "verdict", "picture_sha256", "bundle_digest"):
        if getattr(known, name) != getattr(command, name):
            raise InspectionChangedError(
                f"{command.inspection_id} is recorded with another {name}",
                inspection_id=command.inspection_id,
                field=name,
            )
    return _receipt(command, known.critical)


async def correct_inspection(command: CorrectInspection, unit: UnitOfWork) -> InspectionView:
    """Append a person's word and let the piece follow it."""
    view = await find_inspection(FindInspection(inspection_id=command.inspection_id), unit)
    if not command.reason.strip():
        raise CorrectionInvalidError("a correction states its reason", field="reason")
    known = {reading.name for reading in view.measurements}
    known |= {reading.seam for reading in view.stitches}
    for index, change in enumerate(command.changes):
        if change.kind == "finding_renamed":
            _judge_new_name(change, len(view.findings), f"changes[{index}]")
        if change.kind.endswith("_corrected") and change.name not in known:
            raise CorrectionInvalidError(
                f"the inspection holds no reading {change.name}",
                field=f"changes[{index}].name",
            )
    at, by = unit.clock.now(), unit.context.user
    unit.record(
        InspectionCorrected(
            inspection_id=view.inspection_id,
            piece_id=view.piece_id,
            piece_number=view.piece_number,
            work_order_id=view.work_order_id,
            work_order_number=view.work_order_number,
            step_id=view.step_id,
            stage=view.stage,
            attempt=view.attempt,
            machine_verdict=view.verdict,
            verdict=command.verdict,
            reason=command.reason,
            corrected_by=by,
        )
    )
    word = PersonsVerdict(
        inspection_id=view.inspection_id,
        piece_id=view.piece_id,
        step_id=view.step_id,
        attempt=view.attempt,
        verdict=command.verdict,
        reason=command.reason,
        by=by,
        at=at,
    )
    # Production locks the piece, so that two people speak one after the other.
    for fact in await unit.store(Consequences).decided(word):
        unit.record(fact)
    await unit.store(InspectionStore).correct(command, by, at)
    return await find_inspection(FindInspection(inspection_id=command.inspection_id), unit)


def _judge_new_name(change: CorrectionChange, findings_count: int, field: str) -> None:
    if change.finding_index is None or not 0 <= change.finding_index < findings_count:
        raise CorrectionInvalidError(
            "the inspection holds no such finding", field=f"{field}.finding_index"
        )
    if not is_kind_name(change.name):
        raise CorrectionInvalidError("that is no name of a kind", field=f"{field}.name")


async def find_inspection(query: FindInspection, unit: UnitOfWork) -> InspectionView:
    """Return one inspection."""
    view = await unit.store(InspectionStore).find(query.inspection_id)
    if view is None:
        raise InspectionUnknownError(
            f"no inspection {query.inspection_id}", inspection_id=query.inspection_id
        )
    return view


async def list_inspections(query: ListInspections, unit: UnitOfWork) -> tuple[InspectionView, ...]:
    """Return a piece's inspections, oldest first."""
    return await unit.store(InspectionStore).of_piece(query.piece_id)


async def inspections_of_pieces(
    query: InspectionsOfPieces, unit: UnitOfWork
) -> tuple[InspectionView, ...]:
    """Return the inspections of some pieces, oldest first."""
    if len(query.piece_ids) > _MOST_AT_ONCE:
        raise PayloadInvalidError(f"a question names {_MOST_AT_ONCE} at most", field="piece_ids")
    return await unit.store(InspectionStore).of_pieces(query.piece_ids)


def _judge(command: RecordInspection) -> None:
    numbers = [command.anomaly_score, command.threshold_score, command.elapsed_ms]
    numbers += [finding.score for finding in command.findings]
    for reading in command.measurements:
        numbers += [reading.nominal_mm, reading.value_mm or 0.0, reading.uncertainty_mm or 0.0]
    for seam in command.stitches:
        numbers += [seam.nominal_mm, seam.pitch_mm or 0.0, seam.cv_ratio or 0.0]
    if not all(map(isfinite, numbers)):
        raise InspectionInvalidError("a recorded number is not finite", field="measurements")
    if command.attempt < 1:
        raise InspectionInvalidError("attempts count from 1", field="attempt")
    readings: tuple[Measurement | StitchReading, ...] = (
        *command.measurements,
        *command.stitches,
    )
    failed = any(one.outcome == "FAIL" and one.severity != "minor" for one in readings)
    if command.verdict == "PASS" and failed:
        raise InspectionInvalidError("a reading failed, the verdict says PASS", field="verdict")
    cells = command.anomaly_map.width * command.anomaly_map.height
    if cells != len(command.anomaly_map.values):
        raise InspectionInvalidError(
            "the anomaly map holds another count of bytes than its size", field="anomaly_map"
        )


COMMANDS: dict[type[Command], Handler] = {
    RecordInspection: record_inspection,
    CorrectInspection: correct_inspection,
}
QUERIES: dict[type[Query], Handler] = {
    FindInspection: find_inspection,
    ListInspections: list_inspections,
    InspectionsOfPieces: inspections_of_pieces,
}
