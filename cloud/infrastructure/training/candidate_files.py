"""What retraining leaves behind: how the gate weighed the candidate, and, promoted, its bundle."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from cloud.infrastructure.training.bundle_files import write_bundle
from cloud.infrastructure.training.golden_bank import CHANNELS
from cloud.infrastructure.training.heads import Weights, judges_graph
from cloud.infrastructure.training.network import head_of
from cloud.infrastructure.training.retraining import Retrained, RetrainPlan, with_digest
from cloud.learning.promotion import Weighed

PARITY = 1e-3
BUNDLE, REPORT, KINDS = "candidate", "gate.json", "kinds.prototypes"
_CARD = """# base {version}

`base {before}`, retrained on corrections of people: its where-head went on learning from {learned}
corrected tiles, {epochs} passes, {replay:g} replayed rendered tiles for each, seed {seed}. Filters
and what-head are unchanged. The gate promoted it on {pictures} held-out pictures, {held_out} of
them of corrected styles; right verdicts {won} won, {lost} lost.

| figure | before | after |
|---|---|---|
{rows}

What the bundle before it is not for, this one is not for. Styles are taught again for it.
"""


class ExportDiffersError(Exception):
    """The written graph answers otherwise than the network that was trained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Where a promoted candidate lies and its digest; both are empty for one that was refused."""

    bundle: Path | None
    digest: str = ""


def write_candidate(
    folder: Path, found: Retrained, plan: RetrainPlan, before: Mapping[str, bytes]
) -> Written:
    """Write the gate's report, and the bundle if it promoted the candidate.

    What an earlier candidate left in the folder goes first, so that a refused one leaves neither
    bundle nor kinds.

    Raises:
        ExportDiffersError: the graph differs from the network by more than a thousandth.
        OSError: the folder cannot be written.
    """
    bundle = folder / BUNDLE
    if bundle.exists():
        shutil.rmtree(bundle)
    (folder / KINDS).unlink(missing_ok=True)
    (folder / REPORT).write_text(report_of(found), encoding="utf-8")
    if not found.weighed.promoted:
        return Written(bundle=None)
    difference = export_difference(found.heads.where)
    if difference > PARITY:
        raise ExportDiffersError(f"by {difference:.2g}")
    former = str(json.loads(before["manifest.json"])["version"])
    version = version_of(found.heads.where, former)
    card = card_of(found, plan, former, version)
    partial = folder / f"{BUNDLE}.part"
    if partial.exists():
        shutil.rmtree(partial)
    digest = write_bundle(partial, found.heads, card, version)
    kinds = with_digest(found.prototypes, digest)
    (folder / KINDS).write_bytes(kinds.to_bytes())
    partial.replace(bundle)
    return Written(bundle=bundle, digest=digest)


def version_of(where: Weights, before: str) -> str:
    """Name a version by that of the bundle ``before`` and by what was learned since."""
    whole = hashlib.sha256()
    for name in sorted(where):
        whole.update(name.encode() + where[name].tobytes())
    return f"{before.partition('+')[0]}+{whole.hexdigest()[:8]}"


def export_difference(where: Weights) -> float:
    """Largest difference between the graph in onnxruntime and the head in PyTorch."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    graph = judges_graph(where).SerializeToString(deterministic=True)
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    seen = np.random.default_rng(1).normal(0, 2, (8, 24, 24, CHANNELS)).astype(np.float32)
    given = {
        "features": seen,
        "mean": np.zeros(CHANNELS, np.float32),
        "whitening": np.eye(CHANNELS, dtype=np.float32),
    }
    (logits,) = session.run(["logits"], given)
    with torch.no_grad():
        expected = head_of(where)(torch.from_numpy(seen))[:, 0].numpy()
    return float(np.abs(logits - expected).max())


def report_of(found: Retrained) -> str:
    """Return the gate's report as JSON."""
    weighed = found.weighed
    told = {
        "promoted": weighed.promoted,
        "refusals": [refusal.value for refusal in weighed.refusals],
        "pictures": weighed.picture_count,
        "won": weighed.won_count,
        "lost": weighed.lost_count,
        "shown_score": round(weighed.shown_score, 3),
        "learned": found.learned_count,
        "held_out": found.held_out_count,
        "figures": figures_of(weighed),
    }
    return json.dumps(told, indent=2, sort_keys=True) + "\n"


def figures_of(weighed: Weighed) -> dict[str, list[float]]:
    """Return each figure before and after."""
    return {
        name: [round(one.before_ratio, 4), round(one.after_ratio, 4)]
        for name, one in weighed.figures.items()
    }


def card_of(found: Retrained, plan: RetrainPlan, before: str, version: str) -> str:
    """Return the card of a promoted candidate."""
    rows = [
        f"| {name} | {one:.3f} | {other:.3f} |"
        for name, (one, other) in figures_of(found.weighed).items()
    ]
    return _CARD.format(
        version=version,
        before=before,
        learned=found.learned_count,
        held_out=found.held_out_count,
        epochs=plan.epoch_count,
        replay=plan.replay_ratio,
        seed=plan.seed,
        pictures=found.weighed.picture_count,
        won=found.weighed.won_count,
        lost=found.weighed.lost_count,
        rows="\n".join(rows),
    )
