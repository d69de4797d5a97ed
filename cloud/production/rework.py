"""What a failure leads to: a step done once more, or the Accountable's decision."""

from cloud.production.piece import Piece, PieceState
from cloud.production.spec import Gap
from cloud.production.step import Step


def rework_instruction(step: Step, gaps: tuple[Gap, ...]) -> tuple[str, str]:
    """Say to the worker, in Korean and English, what is done anew and how."""
    for gap in gaps:
        if gap.kind == "stitch" and gap.field == "pitch_mm" and gap.corrected_mm is not None:
            value = f"{gap.corrected_mm:g}"
            return (
                f"스티치 재작업 필요 ({value} mm 간격)",
                f"Redo the stitching (pitch {value} mm)",
            )
    for gap in gaps:
        if gap.field == "nominal_mm" and gap.corrected_mm is not None:
            value = f"{gap.corrected_mm:g}"
            return f"{gap.name} 재작업 필요 ({value} mm)", f"Redo {gap.name} ({value} mm)"
    return f"{step.title_ko} 재작업 필요", f"Redo: {step.title_en}"


def may_be_reworked(piece: Piece, step: Step) -> bool:
    """Say whether opening ``step`` again would answer the piece's failure."""
    progress = piece.progress()
    return (
        progress.state in {PieceState.REWORK, PieceState.QUARANTINE, PieceState.ESCALATED}
        and progress.step is not None
        and step.position <= progress.step.position
    )


def is_beyond_limit(piece: Piece, step: Step) -> bool:
    """Say whether ``step`` was opened again as often as the work order allows."""
    return piece.reworks_of(step) >= piece.rework_limit
