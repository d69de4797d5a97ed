"""Joins `kyndof train adapt` to the pipeline that stations judge by and to the training."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from cloud.composition.training_doors import ADDS_TORCH
from cloud.interfaces.terminal.adapt import Adapted, AdaptWish
from cloud.interfaces.terminal.train import TrainRefusedError

if TYPE_CHECKING:
    from edge.inspection.pipeline import InspectionPipeline
    from edge.inspection.ports import DefectDetector


def adapt_style(wish: AdaptWish, told: Callable[[int, int], None]) -> Adapted:
    """Teach a style, train its own judge and write both as its bank.

    Raises:
        TrainRefusedError: PyTorch is absent, a picture or the board cannot be read, too few
            pieces can be learned from, or the bank cannot be written.
    """
    if find_spec("torch") is None:
        raise TrainRefusedError("train.no_torch", command=ADDS_TORCH)
    from cloud.infrastructure.training.adaptation import AdaptationPlan, adapt
    from cloud.infrastructure.training.bundle_files import heads_of
    from edge.infrastructure.onnx_bundle_folder import OnnxBundleFolders
    from edge.infrastructure.onnx_defect_detector import OnnxDefectDetector
    from edge.infrastructure.opencv_pictures import OpenCvPictureFiles
    from edge.infrastructure.opencv_tags import read_board
    from edge.inspection.errors import InspectionError, PictureUnreadableError, TooFewPiecesError
    from edge.inspection.teaching import Lesson, learn_style

    bundle = OnnxBundleFolders("").base()
    pipeline, files = _pipeline(OnnxDefectDetector(bundle, 1)), OpenCvPictureFiles()
    try:
        frames = [files.read(str(path)) for path in wish.pictures]
        board = read_board(Path(wish.board)) if wish.board else None
        lesson, pieces = pipeline.pieces(
            Lesson(style=wish.style, overkill_ratio=wish.overkill_ratio), frames, board
        )
        taught = learn_style(lesson, pieces, pipeline.detector)
        plan = AdaptationPlan(seed=wish.seed, base=heads_of(bundle.files).where)
        bank = adapt((taught, lesson), pieces, pipeline.detector, plan, told)
    except PictureUnreadableError as error:
        places = {"picture": error.picture, "problem": error.problem}
        raise TrainRefusedError("train.unreadable", **places) from error
    except TooFewPiecesError as error:
        places = {"needed": str(error.needed), "given": str(error.given)}
        raise TrainRefusedError("train.too_few", **places) from error
    except InspectionError as error:
        raise TrainRefusedError("train.impossible", reason=error.code, problem=error) from error
    data = bank.to_bytes()
    try:
        wish.out.write_bytes(data)
    except OSError as error:
        raise TrainRefusedError("train.unwritable", reason=error) from error
    return Adapted(
        piece_count=bank.piece_count,
        byte_count=len(data),
        threshold_score=bank.threshold_score,
    )


def _pipeline(detector: "DefectDetector") -> "InspectionPipeline":
    """Put the base bundle into the pipeline of the stations."""
    from edge.infrastructure.opencv_pictures import OpenCvScaler
    from edge.infrastructure.opencv_tags import OpenCvTagFinder
    from edge.infrastructure.qr_readers import ReaderAsCodeFinder, ZxingReader
    from edge.inspection.pipeline import InspectionPipeline, PipelineParts

    parts = PipelineParts(
        detector=detector,
        tags=OpenCvTagFinder(),
        scaler=OpenCvScaler(),
        codes=ReaderAsCodeFinder(ZxingReader()),
        stopwatch=perf_counter,
    )
    return InspectionPipeline(parts)
