"""The committed graphs in onnxruntime against the same weights in PyTorch: answers and verdicts.

1,000 rendered pictures of 50 styles, good and with a flaw. PyTorch computes the heads and the
distance in double precision from the weights in the bundle; the fixed filters have no second form
and are asked once. A verdict is whether anything was found, and the names of what was found.
"""

import argparse

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from cloud.infrastructure.training.bundle_files import Heads, heads_of
from cloud.infrastructure.training.heads import DEPARTURE_LIMIT, DILATIONS, Weights
from cloud.infrastructure.training.rendering import KINDS, draw_style, render_sample
from edge.infrastructure.onnx_bundle_folder import OnnxBundleFolders
from edge.infrastructure.onnx_defect_detector import OnnxDefectDetector
from edge.model_bundles.bundle import Bundle
from tests.benchmarks.rendered_styles import SIDE_PX, look_at, taught
from tests.benchmarks.report import Report, wilson

SEED, TEACHING, PICTURES_A_STYLE = 9108, 14, 20


class TorchDetector(OnnxDefectDetector):
    """The same bundle with its heads in PyTorch; notes the largest difference to onnxruntime."""

    def __init__(self, bundle: Bundle, heads: Heads) -> None:
        super().__init__(bundle, 1)
        self._heads = heads
        self.largest = 0.0

    def judge(
        self,
        features: NDArray[np.float32],
        mean: NDArray[np.float32],
        whitening: NDArray[np.float32],
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        whitened = _whitened(features, mean, whitening)
        distances = (whitened**2).mean(3).sqrt().numpy().astype(np.float32)
        logits = _head(whitened, self._heads.where)[:, 0].numpy().astype(np.float32)
        for ours, theirs in zip(
            super().judge(features, mean, whitening), (distances, logits), strict=True
        ):
            self.largest = max(self.largest, float(np.abs(ours - theirs).max()))
        return distances, logits

    def kind_logits(
        self,
        features: NDArray[np.float32],
        mean: NDArray[np.float32],
        whitening: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        if self._heads.what is None:
            return super().kind_logits(features, mean, whitening)
        answer = _head(_whitened(features, mean, whitening), self._heads.what)
        kinds = answer.permute(0, 2, 3, 1).numpy().astype(np.float32)
        ours = super().kind_logits(features, mean, whitening)
        self.largest = max(self.largest, float(np.abs(ours - kinds).max()))
        return kinds


def _whitened(
    features: NDArray[np.float32], mean: NDArray[np.float32], whitening: NDArray[np.float32]
) -> torch.Tensor:
    wide = (features.astype(np.float64) - mean) @ whitening.astype(np.float64)
    return torch.from_numpy(wide)


def _head(whitened: torch.Tensor, weights: Weights) -> torch.Tensor:
    """(N, K, H, W) float64 by a folded head."""
    wide = {name: torch.from_numpy(value.astype(np.float64)) for name, value in weights.items()}
    clipped = whitened.clamp(-DEPARTURE_LIMIT, DEPARTURE_LIMIT)
    excess = (clipped**2).mean(3, keepdim=True).sqrt() - 1
    seen = torch.cat([clipped, excess], 3).permute(0, 3, 1, 2)

    def folded(name: str, given: torch.Tensor, reach: int) -> torch.Tensor:
        return functional.conv2d(
            given, wide[f"{name}_w"], wide[f"{name}_b"], padding=reach, dilation=max(1, reach)
        )

    current = functional.relu(folded("entry", seen, 0))
    for index, reach in enumerate(DILATIONS):
        deep = functional.relu(folded(f"block{index}_first", current, reach))
        current = functional.relu(current + folded(f"block{index}_second", deep, reach))
    return folded("answer", current, 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="kept for every benchmark; nothing is read here")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    bundle = OnnxBundleFolders("").base()
    ours = OnnxDefectDetector(bundle, 1)
    theirs = TorchDetector(bundle, heads_of(bundle.files))
    styles, equal, alarmed, pictures = 2 if options.quick else 50, 0, 0, 0
    for number in range(styles):
        generator = np.random.default_rng([SEED, number])
        style = draw_style(generator)
        crops = [render_sample(style, generator, None, SIDE_PX).picture for _ in range(TEACHING)]
        bank = taught(crops, ours)
        for place in range(PICTURES_A_STYLE):
            kind = str(generator.choice(KINDS)) if place % 2 else None
            picture = render_sample(style, generator, kind, SIDE_PX).picture
            one, other = (look_at(picture, bank, judge)[1] for judge in (ours, theirs))
            equal += [f.defect_class for f in one] == [f.defect_class for f in other]
            alarmed += bool(one)
            pictures += 1
        if number % 10 == 9:
            print(f"{number + 1} styles, largest difference {theirs.largest:.2e}", flush=True)
    report = Report(name="export_parity", seed=SEED)
    report.figures = {
        "largest_difference": round(theirs.largest, 7),
        "equal_verdicts_ratio": equal / pictures,
        "equal_verdicts_95": list(wilson(equal, pictures)),
        "alarmed_ratio": round(alarmed / pictures, 3),
        "pictures": pictures,
        "kinds": len(ours.kinds),
    }
    report.targets = {"largest_difference": ("<=", 1e-3), "equal_verdicts_ratio": (">=", 1.0)}
    return report.print()


if __name__ == "__main__":
    raise SystemExit(main())
