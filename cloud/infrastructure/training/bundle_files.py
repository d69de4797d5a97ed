"""The files of the base bundle: graph, card, and the manifest with their digests."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from cloud.infrastructure.training.golden_bank import CELL_PX, golden_bank
from cloud.infrastructure.training.where_head import PREFIX, Weights, judges_graph

VERSION = "2.0.0"


_CARD = """# base {version}

Two judges of cloth. `model.onnx` (fixed filters, nothing learned) describes cloth by 24 numbers per
8 px cell. `judges.onnx` takes a style's own mean and whitening as inputs and answers with the
distance to the style's good pieces and with the logit of a trained head.

* Input: RGB tiles, uint8, sides in multiples of 32 px, 512 px as a rule.
* Trained from scratch on rendered cloth only: {styles} styles, {steps} steps, seed {seed}.
* Tile AUROC on rendered styles that were held out: head {head:.3f}, distance alone {bank:.3f}.
* Knows no kinds of defects: everything unusual is `unknown_anomaly`, with its place.
* Not for: slow changes of colour over more than about 100 px, seams, outlines, labels.
"""


def card_of(plan: tuple[int, int, int], auroc_ratios: tuple[float, float]) -> str:
    """Return the card of a training: seed, styles and steps; AUROC of head and of distance."""
    seed, styles, steps = plan
    head, bank = auroc_ratios
    return _CARD.format(
        version=VERSION, seed=seed, styles=styles, steps=steps, head=head, bank=bank
    )


def bundle_files(weights: Weights, card: str) -> dict[str, bytes]:
    """Return every file of the base bundle by name, its manifest included.

    The same ``weights`` and ``card`` give the same bytes.
    """
    files = {
        "model.onnx": golden_bank().SerializeToString(deterministic=True),
        "judges.onnx": judges_graph(weights).SerializeToString(deterministic=True),
        "labels.json": _json({"classes": ["unknown_anomaly"]}),
        "thresholds.json": _json({"overkill_ratio": 0.02, "fixed_at": "teaching"}),
        "preprocess.json": _json({"colour": "RGB", "tile_px": 512, "cell_px": CELL_PX}),
        "card.md": card.encode(),
    }
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    manifest = {"name": "base", "version": VERSION, "files": digests}
    return {**files, "manifest.json": _json(manifest)}


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def write_bundle(folder: Path, weights: Weights, card: str) -> str:
    """Write the base bundle and return its manifest's SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    files = bundle_files(weights, card)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return hashlib.sha256(files["manifest.json"]).hexdigest()


def weights_of(model: bytes) -> Weights:
    """Read the trained weights back from the bytes of ``judges.onnx``."""
    loaded = onnx.load_model_from_string(model)
    return {
        tensor.name.removeprefix(PREFIX): numpy_helper.to_array(tensor).astype(np.float32)
        for tensor in loaded.graph.initializer
        if tensor.name.startswith(PREFIX)
    }
