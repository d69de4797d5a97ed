"""The work package from its wire message."""

import hashlib
from typing import cast

from google.protobuf.message import DecodeError
from kyndof_wire.fleet.v1 import fleet_pb2 as fleet

from edge.station.errors import PackageBrokenError
from edge.station.work_package import (
    GuideLine,
    LearnedKinds,
    Person,
    Piece,
    PieceState,
    PointOfMeasure,
    Standard,
    Step,
    StitchStandard,
    WorkOrder,
    WorkPackage,
)


def decode_work_package(content: bytes, digest: str) -> WorkPackage:
    """Read a package and check it against its digest (SHA-256, hex).

    Raises:
        PackageBrokenError: the bytes are others, or no package.
    """
    if hashlib.sha256(content).hexdigest() != digest.lower():
        raise PackageBrokenError("the package's bytes are not those of its digest")
    try:
        message = fleet.WorkPackage.FromString(content)
    except DecodeError as error:
        raise PackageBrokenError(str(error)) from error
    return WorkPackage(
        digest=digest.lower(),
        organization_id=message.organization_id,
        station_id=message.station_id,
        station_name=message.station_name,
        stages=tuple(message.stages),
        work_orders=tuple(_order(order) for order in message.work_orders),
        roster=tuple(
            Person(
                login=person.login,
                name_ko=person.name_ko,
                name_en=person.name_en,
                badge=person.badge,
                stages=frozenset(person.stages),
                supervises=person.supervises,
            )
            for person in message.roster
        ),
        style_banks={style.name: style.bank for style in message.styles if style.bank},
        more_banks={style.name: tuple(style.more_banks) for style in message.styles},
        templates={
            style.name: {template.size: template.content for template in style.templates}
            for style in message.styles
            if style.templates
        },
        withdrawn_banks=frozenset(
            digest.lower() for style in message.styles for digest in style.withdrawn_banks
        ),
        prototypes=message.prototypes,
        learned_kinds=LearnedKinds(
            prototypes=tuple(message.learned_kinds.prototypes),
            own_count=message.learned_kinds.own_count,
        ),
        event_watermark=message.event_watermark,
    )


def _order(order: fleet.WorkOrder) -> WorkOrder:
    return WorkOrder(
        work_order_id=order.work_order_id,
        number=order.number,
        title_ko=order.title_ko,
        title_en=order.title_en,
        style=order.style,
        spec_version=order.spec_version,
        steps=tuple(sorted((_step(s) for s in order.steps), key=lambda s: s.position)),
        pieces=tuple(_piece(piece) for piece in order.pieces),
    )


def _step(step: fleet.Step) -> Step:
    return Step(
        step_id=step.step_id,
        position=step.position,
        stage=step.stage,
        title_ko=step.title_ko,
        title_en=step.title_en,
        requires_quality_check=step.requires_quality_check,
        guide=tuple(
            GuideLine(text_ko=line.text_ko, text_en=line.text_en, picture=line.picture)
            for line in step.guide
        ),
        standard=_standard(step.standard) if step.HasField("standard") else None,
        stations=tuple(step.stations),
    )


def _piece(piece: fleet.Piece) -> Piece:
    return Piece(
        piece_id=piece.piece_id,
        number=piece.number,
        size=piece.size,
        open_step_id=piece.open_step_id,
        state=cast("PieceState", piece.state or "OPEN"),
        attempt=piece.attempt,
        instruction_ko=piece.instruction_ko,
        instruction_en=piece.instruction_en,
        spec_version=piece.spec_version,
        standard=_standard(piece.standard) if piece.HasField("standard") else None,
    )


def _standard(standard: fleet.Standard) -> Standard:
    return Standard(
        points=tuple(
            PointOfMeasure(
                name=point.name,
                title_ko=point.title_ko,
                title_en=point.title_en,
                axis=point.axis,
                at_ratio=point.at_ratio,
                nominal_mm=point.nominal_mm,
                lower_mm=point.lower_mm,
                upper_mm=point.upper_mm,
                severity=point.severity,
                thickness_mm=point.thickness_mm if point.HasField("thickness_mm") else None,
                size=point.size,
            )
            for point in standard.points
        ),
        stitches=tuple(
            StitchStandard(
                seam=seam.seam,
                title_ko=seam.title_ko,
                title_en=seam.title_en,
                side=seam.side,
                inset_mm=seam.inset_mm,
                pitch_mm=seam.pitch_mm,
                lower_mm=seam.lower_mm,
                upper_mm=seam.upper_mm,
                max_cv_ratio=seam.max_cv_ratio,
                max_skipped_count=seam.max_skipped_count,
                severity=seam.severity,
            )
            for seam in standard.stitches
        ),
        minor_below_mm2=standard.minor_below_mm2 or None,
        major_from_mm2=standard.major_from_mm2 or None,
        checks=frozenset(standard.checks),
    )
