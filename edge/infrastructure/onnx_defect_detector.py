"""The golden bank on onnxruntime."""

import json

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edge.inspection.ports import DetectorIdentity
from edge.model_bundles.bundle import Bundle
from edge.model_bundles.errors import BundleCorruptError


class OnnxDefectDetector:
    """Implements ``DefectDetector``; one session for the process, safe from several threads."""

    def __init__(self, bundle: Bundle, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                bundle.files["model.onnx"], options, providers=["CPUExecutionProvider"]
            )
            shape = self._session.get_inputs()[1].shape
            version = json.loads(bundle.files["preprocess.json"])["colour"]
        except Exception as problem:  # onnxruntime's errors share no parent
            raise BundleCorruptError("model.onnx", str(problem)[:200]) from problem
        if version != "RGB":
            raise BundleCorruptError("preprocess.json", f"unknown colour order {version}")
        self._channels = int(shape[0])
        self._identity = DetectorIdentity(
            bundle=bundle.label, digest=bundle.digest, channels_count=self._channels
        )
        self._no_mean = np.zeros(self._channels, dtype=np.float32)
        self._no_whitening = np.eye(self._channels, dtype=np.float32)

    @property
    def identity(self) -> DetectorIdentity:
        """Name and digest of the loaded bundle."""
        return self._identity

    def features(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Describe ``tiles`` (N, H, W, 3) uint8; returns (N, H/8, W/8, C) float32."""
        return self._run("features", tiles, self._no_mean, self._no_whitening)

    def distances(
        self, tiles: NDArray[np.uint8], mean: NDArray[np.float32], whitening: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Measure ``tiles`` (N, H, W, 3) uint8 against (C) and (C, C) float32 statistics."""
        return self._run("distances", tiles, mean, whitening)

    def _run(
        self,
        output: str,
        tiles: NDArray[np.uint8],
        mean: NDArray[np.float32],
        whitening: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Run ``tiles`` (N, H, W, 3) uint8 with (C) and (C, C) float32 statistics."""
        inputs = {"tiles": tiles, "mean": mean, "whitening": whitening}
        answer: NDArray[np.float32] = self._session.run([output], inputs)[0]
        return answer
