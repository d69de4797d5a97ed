"""Joins `kyndof train retrain` to retraining, its gate and the bundle in force."""

import hashlib
from collections.abc import Callable
from importlib.util import find_spec

from cloud.composition.training_doors import ADDS_TORCH
from cloud.interfaces.terminal.retrain import RetrainOutcome, RetrainWish
from cloud.interfaces.terminal.train import TrainRefusedError


def retrain_base(wish: RetrainWish, told: Callable[[int, int], None]) -> RetrainOutcome:
    """Learn from a file of corrections and write the candidate where the gate promotes it.

    Raises:
        TrainRefusedError: PyTorch is absent, the bundle or the file cannot be learned from, the
            exported graph differs, or the folder cannot be written.
    """
    if find_spec("torch") is None:
        raise TrainRefusedError("train.no_torch", command=ADDS_TORCH)
    from cloud.infrastructure.training.bundle_files import heads_of
    from cloud.infrastructure.training.candidate_files import (
        REPORT,
        ExportDiffersError,
        figures_of,
        write_candidate,
    )
    from cloud.infrastructure.training.corrections import CorrectionsRefusedError, read_corrections
    from cloud.infrastructure.training.retraining import RetrainPlan, retrain

    files = _bundle(wish)
    digest = hashlib.sha256(files["manifest.json"]).hexdigest()
    plan = RetrainPlan(seed=wish.seed, epoch_count=wish.epoch_count, replay_ratio=wish.replay_ratio)
    try:
        corrections = read_corrections(wish.corrections, digest)
        found = retrain(heads_of(files), corrections, plan, wish.out, told)
        written = write_candidate(wish.out, found, plan, files)
    except CorrectionsRefusedError as error:
        raise TrainRefusedError(f"train.{error.code}", **error.places) from error
    except ExportDiffersError as error:
        raise TrainRefusedError("train.export_differs", problem=error) from error
    except OSError as error:
        raise TrainRefusedError("train.unwritable", reason=error) from error
    return RetrainOutcome(
        bundle=written.bundle,
        digest=written.digest,
        refusals=tuple(refusal.value for refusal in found.weighed.refusals),
        figures={name: (one, other) for name, (one, other) in figures_of(found.weighed).items()},
        report=wish.out / REPORT,
        learned_count=found.learned_count,
        picture_count=found.weighed.picture_count,
    )


def _bundle(wish: RetrainWish) -> dict[str, bytes]:
    from cloud.infrastructure.training.bundle_files import read_bundle
    from edge.infrastructure.onnx_bundle_folder import OnnxBundleFolders

    if wish.base is None:
        return dict(OnnxBundleFolders("").base().files)
    try:
        return read_bundle(wish.base)
    except (OSError, ValueError) as error:
        raise TrainRefusedError("train.bundle", folder=wish.base, problem=error) from error
