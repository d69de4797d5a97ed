"""Everything that a station needs to work alone, as one message with one form."""

import hashlib
from dataclasses import dataclass
from typing import TypeVar

from kyndof_wire.fleet.v1 import fleet_pb2

from cloud.inspection.errors import ToleranceMissingError
from cloud.interfaces.edge_intake.ports import StyleFiles
from cloud.learning.queries import LearnedContents, LearnedStyle
from cloud.production.queries import (
    PackageContents,
    PackagePiece,
    PackageStep,
    PackageWorkOrder,
)

Value = TypeVar("Value")
NOTHING_LEARNED = LearnedContents()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltPackage:
    """A serialized ``WorkPackage`` and its SHA-256 in hex."""

    content: bytes
    digest: str


def build_package(
    contents: PackageContents,
    files: StyleFiles,
    watermark: int = 0,
    learned: LearnedContents = NOTHING_LEARNED,
) -> BuiltPackage:
    """Serialize ``contents`` and what is known of its styles; same contents, same bytes.

    ``watermark`` is the last of the station's own events that the contents are sure to hold.
    """
    styles = sorted({order.style for order in contents.work_orders if order.style})
    taught = {style.style: style for style in learned.styles}
    known = [_style(style, files, taught.get(style)) for style in styles]
    package = fleet_pb2.WorkPackage(
        organization_id=contents.organization_id,
        station_id=contents.station_id,
        station_name=contents.station_name,
        stages=contents.stages,
        work_orders=[
            _order(order)
            for order in sorted(contents.work_orders, key=lambda order: order.work_order_id)
        ],
        roster=[
            fleet_pb2.Person(
                login=person.login,
                name_ko=person.name_ko,
                name_en=person.name_en,
                badge=person.badge,
                stages=sorted(person.stages),
                supervises=person.supervises,
            )
            for person in sorted(contents.roster, key=lambda person: person.login)
        ],
        # A style that was not taught is left out: the station then says so and judges nothing.
        styles=[style for style in known if style.bank or style.templates or style.withdrawn_banks],
        event_watermark=watermark,
        prototypes=files.prototypes() or b"",
        learned_kinds=fleet_pb2.LearnedKinds(
            prototypes=learned.prototypes, own_count=learned.own_naming_count
        ),
    )
    content = package.SerializeToString(deterministic=True)
    return BuiltPackage(content=content, digest=hashlib.sha256(content).hexdigest())


def _style(name: str, files: StyleFiles, taught: LearnedStyle | None) -> fleet_pb2.Style:
    """Return what is known of a style; what people taught stands before the folder's bank.

    The folder's comes along: a taught one may be for a bundle that does not run there.
    """
    known = (*(taught.banks if taught is not None else ()), files.bank(name) or b"")
    banks = tuple(bank for bank in dict.fromkeys(known) if bank)
    return fleet_pb2.Style(
        name=name,
        bank=banks[0] if banks else b"",
        more_banks=banks[1:],
        withdrawn_banks=taught.withdrawn if taught is not None else (),
        templates=[
            fleet_pb2.Template(size=size, content=content)
            for size, content in sorted(files.templates(name).items())
        ],
    )


def _order(order: PackageWorkOrder) -> fleet_pb2.WorkOrder:
    return fleet_pb2.WorkOrder(
        work_order_id=order.work_order_id,
        number=order.number,
        title_ko=order.title_ko,
        title_en=order.title_en,
        style=order.style,
        spec_version=order.spec_version,
        steps=[_step(step) for step in sorted(order.steps, key=lambda step: step.position)],
        pieces=[_piece(piece) for piece in sorted(order.pieces, key=lambda piece: piece.number)],
    )


def _step(step: PackageStep) -> fleet_pb2.Step:
    return fleet_pb2.Step(
        step_id=step.step_id,
        position=step.position,
        stage=step.stage,
        title_ko=step.title_ko,
        title_en=step.title_en,
        requires_quality_check=step.requires_quality_check,
        guide=[
            fleet_pb2.GuideLine(text_ko=line.text_ko, text_en=line.text_en, picture=line.picture)
            for line in step.guide
        ],
        standard=_standard(step),
        stations=step.stations,
    )


def _piece(piece: PackagePiece) -> fleet_pb2.Piece:
    return fleet_pb2.Piece(
        piece_id=piece.piece_id,
        number=piece.number,
        size=piece.size,
        open_step_id=piece.open_step_id,
        state=piece.state,
        attempt=piece.attempt,
        instruction_ko=piece.instruction_ko,
        instruction_en=piece.instruction_en,
        spec_version=piece.spec_version,
        standard=_standard(piece),
    )


def _standard(judged: PackageStep | PackagePiece) -> fleet_pb2.Standard | None:
    standard = judged.standard
    if standard is None:
        return None
    return fleet_pb2.Standard(
        points=[
            fleet_pb2.PointOfMeasure(
                name=point.name,
                title_ko=point.title_ko,
                title_en=point.title_en,
                axis=point.axis,
                at_ratio=point.at_ratio,
                nominal_mm=point.nominal_mm,
                lower_mm=_stated(point.lower_mm, point.name),
                upper_mm=_stated(point.upper_mm, point.name),
                severity=_stated(point.severity, point.name),
                thickness_mm=point.thickness_mm,
                size=point.size,
            )
            for point in standard.points
        ],
        stitches=[
            fleet_pb2.StitchStandard(
                seam=seam.seam,
                title_ko=seam.title_ko,
                title_en=seam.title_en,
                side=seam.side,
                inset_mm=seam.inset_mm,
                pitch_mm=seam.pitch_mm,
                lower_mm=_stated(seam.lower_mm, seam.seam),
                upper_mm=_stated(seam.upper_mm, seam.seam),
                max_cv_ratio=seam.max_cv_ratio,
                max_skipped_count=seam.max_skipped_count,
                severity=_stated(seam.severity, seam.seam),
            )
            for seam in standard.stitches
        ],
        minor_below_mm2=standard.defects.minor_below_mm2 if standard.defects else 0.0,
        major_from_mm2=standard.defects.major_from_mm2 if standard.defects else 0.0,
        checks=standard.checks,
    )


def _stated(value: Value | None, name: str) -> Value:
    """Return a value that a standard states; on the wire a missing one would read as zero."""
    if value is None:
        raise ToleranceMissingError(f"{name} states no tolerance or severity", name=name)
    return value
