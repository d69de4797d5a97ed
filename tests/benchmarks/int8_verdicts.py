"""Do the bundle's graphs keep their verdicts in eight bits, and what is gained?

Styles are rendered and taught in single precision on 14 good tiles each. Every other tile, half of
them with a flaw of the catalogue, is judged by the same bank in single precision and by graphs that
onnxruntime quantised statically (QDQ, per channel), calibrated on other rendered tiles: once only
the judges, once the golden bank's filters too. A verdict is whether a tile's highest score is above
the limit. An INT8 variant is worth shipping when at most 0.5 % of the verdicts change and its tile
of 512 px costs less processor time.
"""

import dataclasses
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from cloud.infrastructure.training.rendering import KINDS, draw_style, render_sample
from edge.infrastructure.onnx_bundle_folder import OnnxBundleFolders
from edge.infrastructure.onnx_defect_detector import OnnxDefectDetector
from edge.infrastructure.opencv_pictures import OpenCvScaler
from edge.inspection.teaching import Lesson, learn_style
from edge.inspection.texture import Cloth, Pyramid, TextureJudge
from tests.benchmarks.report import Report, arguments, wilson

SEED, GOOD, FEW, SIDE_PX, CALIBRATION = 0, 14, 5, 192, 24
TILES_A_STYLE, STYLES = 50, 20


class Fed(CalibrationDataReader):
    def __init__(self, given: list[dict[str, np.ndarray]]) -> None:
        self._given = iter(given)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._given, None)


def quantised(graph: bytes, given: list[dict[str, np.ndarray]]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        names = [Path(folder) / name for name in ("whole.onnx", "ready.onnx", "small.onnx")]
        names[0].write_bytes(graph)
        quant_pre_process(str(names[0]), str(names[1]), skip_symbolic_shape=True)
        quantize_static(
            str(names[1]),
            str(names[2]),
            Fed(given),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            op_types_to_quantize=["Conv"],
        )
        return names[2].read_bytes()


def whole(frame: np.ndarray) -> Cloth:
    cells = np.ones((frame.shape[0] // 8, frame.shape[1] // 8), dtype=bool)
    return Cloth(pyramid=Pyramid(frame, OpenCvScaler()), cells=cells, foreign=~cells)


def cpu_ms(detector: OnnxDefectDetector) -> float:
    frame = np.random.default_rng(SEED).integers(60, 180, (1, 512, 512, 3), dtype=np.uint8)
    mean, whitening, spent = np.zeros(24, np.float32), np.eye(24, dtype=np.float32), []
    for _ in range(12):
        start = time.process_time()
        detector.judge(detector.features(frame), mean, whitening)
        spent.append(time.process_time() - start)
    return round(float(np.median(spent)) * 1000, 2)


def main() -> int:
    options = arguments(__doc__ or "")
    styles = 2 if options.quick else STYLES
    bundle = OnnxBundleFolders("").base()
    plain = OnnxDefectDetector(bundle, threads=1)
    generator = np.random.default_rng([SEED, 1])
    tiles, shown = [], []
    for _ in range(CALIBRATION // 6):
        style = draw_style(generator)
        good = [render_sample(style, generator, None, SIDE_PX).picture for _ in range(FEW)]
        taught = Lesson(style="calibration", few=True)
        scale = learn_style(taught, [whole(frame) for frame in good], plain).scales[0]
        kinds = (None, None, None, *generator.choice(KINDS, 3))
        for kind in kinds:
            name = None if kind is None else str(kind)
            tile = render_sample(style, generator, name, SIDE_PX).picture[None]
            features = plain.features(tile)
            mean = np.median(features.reshape(-1, 24), axis=0)
            tiles.append(tile)
            shown.append({"features": features, "mean": mean, "whitening": scale.whitening})
    judges = quantised(bundle.files["judges.onnx"], shown)
    filters = quantised(bundle.files["model.onnx"], [{"tiles": tile} for tile in tiles])
    variants = {
        "judges": {**bundle.files, "judges.onnx": judges},
        "both": {**bundle.files, "judges.onnx": judges, "model.onnx": filters},
    }
    others = {
        name: OnnxDefectDetector(dataclasses.replace(bundle, files=files), threads=1)
        for name, files in variants.items()
    }
    changed, alarms, count = dict.fromkeys(others, 0), 0, 0
    for number in range(styles):
        generator = np.random.default_rng([SEED, 2, number])
        style = draw_style(generator)
        good = [render_sample(style, generator, None, SIDE_PX).picture for _ in range(GOOD)]
        bank = learn_style(Lesson(style=str(number)), [whole(frame) for frame in good], plain)
        for place in range(TILES_A_STYLE):
            kind = str(generator.choice(KINDS)) if place % 2 else None
            cloth = whole(render_sample(style, generator, kind, SIDE_PX).picture)
            peak = float(TextureJudge(plain).score_map(cloth, bank.scales).max())
            alarms += peak > bank.threshold_score
            count += 1
            for name, detector in others.items():
                other = float(TextureJudge(detector).score_map(cloth, bank.scales).max())
                changed[name] += (other > bank.threshold_score) != (peak > bank.threshold_score)
    report = Report(name="int8_verdicts", seed=SEED)
    report.figures = {
        **{f"{name}_changed_ratio": round(hits / count, 4) for name, hits in changed.items()},
        **{f"{name}_changed_95": list(wilson(hits, count)) for name, hits in changed.items()},
        "fp32_cpu_ms": cpu_ms(plain),
        **{f"{name}_cpu_ms": cpu_ms(detector) for name, detector in others.items()},
        "alarms": alarms,
        "pictures": count,
        "onnxruntime": onnxruntime.__version__,
    }
    report.targets = {"judges_changed_ratio": ("<=", 0.005), "both_changed_ratio": ("<=", 0.005)}
    return report.print()


if __name__ == "__main__":
    raise SystemExit(main())
