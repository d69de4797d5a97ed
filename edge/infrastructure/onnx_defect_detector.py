"""Golden bank and judges on onnxruntime."""

import json

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edge.inspection.errors import StyleBankCorruptError
from edge.inspection.ports import DetectorIdentity
from edge.model_bundles.bundle import Bundle
from edge.model_bundles.errors import BundleCorruptError

_MOST_OWN = 8


class OnnxDefectDetector:
    """Implements ``DefectDetector``; its sessions serve the process, safe from several threads.

    A bundle without ``kinds.onnx`` knows no kinds; one without ``close_kinds.onnx`` names them by
    their cells alone. Styles' own networks have a session each, the last eight are kept.
    """

    def __init__(self, bundle: Bundle, threads: int) -> None:
        self._threads = threads
        self._own: dict[bytes, onnxruntime.InferenceSession] = {}
        self._bank = _session(bundle, "model.onnx", threads)
        self._judges = _session(bundle, "judges.onnx", threads)
        channels = self._bank.get_outputs()[0].shape[3]
        if channels != self._judges.get_inputs()[0].shape[3]:
            raise BundleCorruptError("judges.onnx", "it does not fit model.onnx")
        try:
            colour = json.loads(bundle.files["preprocess.json"])["colour"]
        except (ValueError, KeyError, TypeError) as problem:
            raise BundleCorruptError("preprocess.json", str(problem)[:200]) from problem
        if colour != "RGB":
            raise BundleCorruptError("preprocess.json", f"unknown colour order {colour}")
        self._kinds, self._confidence = _kinds_of(bundle)
        self._what = _session(bundle, "kinds.onnx", threads) if self._kinds else None
        if self._what is not None:
            _check_kinds(self._what, channels, len(self._kinds))
        self._close = _close_look(bundle, channels, len(self._kinds), threads)
        self._identity = DetectorIdentity(
            bundle=bundle.label, digest=bundle.digest, channels_count=int(channels)
        )

    @property
    def identity(self) -> DetectorIdentity:
        """Name and digest of the loaded bundle."""
        return self._identity

    def features(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Describe ``tiles`` (N, H, W, 3) uint8; returns (N, H/8, W/8, C) float32."""
        answer: NDArray[np.float32] = self._bank.run(["features"], {"tiles": tiles})[0]
        return answer

    def judge(
        self,
        features: NDArray[np.float32],
        mean: NDArray[np.float32],
        whitening: NDArray[np.float32],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Judge ``features`` (N, H, W, C) by (C) and (C, C); returns two (N, H, W) float32."""
        given = {"features": features, "mean": mean, "whitening": whitening}
        distances, logits = self._judges.run(["distances", "logits"], given)
        return distances, logits

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of flaws that the bundle knows."""
        return self._kinds

    @property
    def kind_confidence_ratio(self) -> float:
        """How sure the network must be of a kind to name it."""
        return self._confidence

    def kind_logits(
        self,
        features: NDArray[np.float32],
        mean: NDArray[np.float32],
        whitening: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Ask for kinds of ``features`` (N, H, W, C) by (C) and (C, C): (N, H, W, K) float32."""
        if self._what is None:
            return np.zeros((*features.shape[:3], 0), dtype=np.float32)
        given = {"features": features, "mean": mean, "whitening": whitening}
        answer: NDArray[np.float32] = self._what.run(["kinds"], given)[0]
        return answer

    @property
    def looks_closely(self) -> bool:
        """Say whether the bundle names places by their pixels."""
        return self._close is not None

    def close_look(
        self,
        tiles: NDArray[np.uint8],
        departures: NDArray[np.float32],
        found: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Look closely at what was ``found`` (N, H/8, W/8) bool: logits (N, K) float32.

        ``tiles`` (N, H, W, 3) uint8, ``departures`` (N, H/8, W/8, C) float32.
        """
        if self._close is None:
            return np.zeros((len(tiles), 0), dtype=np.float32)
        given = {"tiles": tiles, "departures": departures, "found": found.astype(np.float32)}
        answer: NDArray[np.float32] = self._close.run(["kinds"], given)[0]
        return answer

    def judge_own(
        self,
        network: bytes,
        tiles: NDArray[np.uint8],
        departures: NDArray[np.float32],
        logits: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Judge ``tiles`` (N, H, W, 3) uint8 by a style's own network.

        ``departures`` (N, H/8, W/8, C) and ``logits`` (N, H/8, W/8) float32; returns such logits.
        """
        given = {"tiles": tiles, "departures": departures, "base_logits": logits}
        try:
            answer: NDArray[np.float32] = self._own_session(network).run(["logits"], given)[0]
        except StyleBankCorruptError:
            raise
        except Exception as problem:  # onnxruntime's errors share no parent
            raise StyleBankCorruptError(f"its judge: {str(problem)[:200]}") from problem
        return answer

    def _own_session(self, network: bytes) -> onnxruntime.InferenceSession:
        """Load a style's network once."""
        session = self._own.get(network)
        if session is None:
            try:
                session = _loaded(network, self._threads)
            except Exception as problem:  # onnxruntime's errors share no parent
                raise StyleBankCorruptError(f"its judge: {str(problem)[:200]}") from problem
            kept = list(self._own.items())[1 - _MOST_OWN :]
            self._own = {**dict(kept), network: session}
        return session


def _kinds_of(bundle: Bundle) -> tuple[tuple[str, ...], float]:
    """Read which kinds the bundle knows, and how sure it must be of one."""
    if "kinds.onnx" not in bundle.files:
        return (), 1.0
    try:
        kinds = tuple(str(kind) for kind in json.loads(bundle.files["labels.json"])["kinds"])
    except (ValueError, KeyError, TypeError) as problem:
        raise BundleCorruptError("labels.json", str(problem)[:200]) from problem
    close = "close_" if "close_kinds.onnx" in bundle.files else ""
    key = f"{close}kind_confidence_ratio"
    try:
        confidence = float(json.loads(bundle.files["thresholds.json"])[key])
    except (ValueError, KeyError, TypeError) as problem:
        raise BundleCorruptError("thresholds.json", str(problem)[:200]) from problem
    if not kinds or not 0 <= confidence <= 1:
        raise BundleCorruptError("thresholds.json", f"{len(kinds)} kinds from {confidence} on")
    return kinds, confidence


def _check_kinds(what: onnxruntime.InferenceSession, channels: int, kinds: int) -> None:
    """Refuse a network that does not fit the others and the labels."""
    given, answered = what.get_inputs()[0].shape[3], what.get_outputs()[0].shape[3]
    if (given, answered) != (channels, kinds):
        raise BundleCorruptError("kinds.onnx", f"{given} numbers in, {answered} kinds out")


def _close_look(
    bundle: Bundle, channels: int, kinds: int, threads: int
) -> onnxruntime.InferenceSession | None:
    """Load the network that sees pixels, None where the bundle has none.

    Raises:
        BundleCorruptError: it does not fit the others and the labels.
    """
    file = "close_kinds.onnx"
    if file not in bundle.files:
        return None
    if not kinds:
        raise BundleCorruptError(file, "there are no kinds without kinds.onnx")
    session = _session(bundle, file, threads)
    given = {one.name: one.shape for one in session.get_inputs()}
    answered = {one.name: one.shape for one in session.get_outputs()}
    fits = given.keys() == {"tiles", "departures", "found"} and answered.keys() == {"kinds"}
    if not fits or (given["departures"][-1], answered["kinds"][-1]) != (channels, kinds):
        raise BundleCorruptError(file, "it does not fit model.onnx and labels.json")
    return session


def _session(bundle: Bundle, file: str, threads: int) -> onnxruntime.InferenceSession:
    """Load a graph of the bundle."""
    try:
        return _loaded(bundle.files[file], threads)
    except Exception as problem:  # onnxruntime's errors share no parent
        raise BundleCorruptError(file, str(problem)[:200]) from problem


def _loaded(graph: bytes, threads: int) -> onnxruntime.InferenceSession:
    """Load a graph, without threads that spin while they wait."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
