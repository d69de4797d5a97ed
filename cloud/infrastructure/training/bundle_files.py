"""The files of the base bundle: graphs, thresholds, and the manifest with their digests."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from cloud.infrastructure.training.close_graph import CLOSE, close_graph
from cloud.infrastructure.training.golden_bank import CELL_PX, golden_bank
from cloud.infrastructure.training.heads import WHAT, WHERE, Weights, judges_graph, kinds_graph
from cloud.infrastructure.training.rendering import KINDS

VERSION = "2.1.0"
UNKNOWN = "unknown_anomaly"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """What was trained: weights of both heads, and how sure the what-head must be to name a kind.

    Without ``what`` the bundle names no kinds; with ``close``, a close look, that names them.
    """

    where: Weights
    what: Weights | None = None
    confidence_ratio: float = 1.0
    close: Weights | None = None
    close_confidence_ratio: float = 1.0


def bundle_files(heads: Heads, card: str, version: str = VERSION) -> dict[str, bytes]:
    """Return every file of the base bundle by name, its manifest included.

    The same ``heads``, ``card`` and ``version`` give the same bytes.
    """
    thresholds: dict[str, object] = {"overkill_ratio": 0.02, "fixed_at": "teaching"}
    files = {
        "model.onnx": golden_bank().SerializeToString(deterministic=True),
        "judges.onnx": judges_graph(heads.where).SerializeToString(deterministic=True),
        "preprocess.json": _json({"colour": "RGB", "tile_px": 512, "cell_px": CELL_PX}),
        "card.md": card.encode(),
    }
    labels: dict[str, object] = {"classes": [UNKNOWN]}
    if heads.what is not None:
        files["kinds.onnx"] = kinds_graph(heads.what).SerializeToString(deterministic=True)
        labels = {"classes": [UNKNOWN, *KINDS], "kinds": list(KINDS)}
        thresholds["kind_confidence_ratio"] = heads.confidence_ratio
    if heads.close is not None:
        files["close_kinds.onnx"] = close_graph(heads.close).SerializeToString(deterministic=True)
        thresholds["close_kind_confidence_ratio"] = heads.close_confidence_ratio
    files["labels.json"], files["thresholds.json"] = _json(labels), _json(thresholds)
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    manifest = {"name": "base", "version": version, "files": digests}
    return {**files, "manifest.json": _json(manifest)}


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def write_bundle(folder: Path, heads: Heads, card: str, version: str = VERSION) -> str:
    """Write the base bundle and return its manifest's SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    files = bundle_files(heads, card, version)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return hashlib.sha256(files["manifest.json"]).hexdigest()


def read_bundle(folder: Path) -> dict[str, bytes]:
    """Read a bundle that was written here, every file as its manifest says.

    Raises:
        OSError: a file cannot be read.
        ValueError: the manifest is damaged, or a file is not the manifest's.
    """
    manifest = (folder / "manifest.json").read_bytes()
    told = json.loads(manifest)
    digests = told.get("files") if isinstance(told, dict) else None
    if not isinstance(digests, dict) or not {"judges.onnx", "thresholds.json"} <= digests.keys():
        raise ValueError("manifest.json names no files")
    files = {"manifest.json": manifest}
    for name, digest in digests.items():
        if Path(name).name != name:
            raise ValueError(f"{name!r} is no plain name")
        files[name] = (folder / name).read_bytes()
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise ValueError(f"{name} is not the manifest's")
    return files


def heads_of(files: Mapping[str, bytes]) -> Heads:
    """Read what was trained back from a bundle's files."""
    what, close = files.get("kinds.onnx"), files.get("close_kinds.onnx")
    thresholds = json.loads(files["thresholds.json"])
    return Heads(
        where=_weights_of(files["judges.onnx"], WHERE),
        what=None if what is None else _weights_of(what, WHAT),
        confidence_ratio=float(thresholds.get("kind_confidence_ratio", 1.0)),
        close=None if close is None else _weights_of(close, CLOSE),
        close_confidence_ratio=float(thresholds.get("close_kind_confidence_ratio", 1.0)),
    )


def _weights_of(model: bytes, prefix: str) -> Weights:
    loaded = onnx.load_model_from_string(model)
    return {
        tensor.name.removeprefix(prefix): numpy_helper.to_array(tensor).astype(np.float32)
        for tensor in loaded.graph.initializer
        if tensor.name.startswith(prefix)
    }
