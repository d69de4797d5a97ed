"""The trained head says the same in PyTorch and onnxruntime; training goes on where it stopped."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is the extra `train`")

from cloud.infrastructure.training import base_training  # noqa: E402
from cloud.infrastructure.training.base_training import BasePlan, train_base  # noqa: E402
from cloud.infrastructure.training.bundle_files import bundle_files, card_of, weights_of  # noqa: E402
from cloud.infrastructure.training.network import WhereHead, folded  # noqa: E402
from cloud.infrastructure.training.where_head import judges_graph  # noqa: E402

pytestmark = pytest.mark.requirement("DEF")
PLAN = BasePlan(seed=5, style_count=3, step_count=5)


def test_torch_and_onnxruntime_agree_to_a_thousandth() -> None:
    torch.manual_seed(2)
    head = WhereHead()
    generator = np.random.default_rng(4)
    shape = (2, 20, 36, 24)
    head.train()
    head(torch.from_numpy(generator.normal(0, 2, shape).astype(np.float32)))
    head.eval()
    session = onnxruntime.InferenceSession(
        judges_graph(folded(head)).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    features = generator.normal(0, 4, shape).astype(np.float32)
    mean = generator.normal(size=24).astype(np.float32)
    whitening = generator.normal(0, 0.5, (24, 24)).astype(np.float32)
    given = {"features": features, "mean": mean, "whitening": whitening}
    (logits,) = session.run(["logits"], given)
    with torch.no_grad():
        expected = head(torch.from_numpy((features - mean) @ whitening)).numpy()
    assert float(np.abs(logits - expected).max()) <= 1e-3


class _StoppedError(Exception):
    """Somebody pulled the plug."""


def test_training_that_was_stopped_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_training, "_SAVE_STEPS", 2)
    whole = train_base(PLAN, tmp_path / "whole", lambda done, total: None)

    def pull(done: int, total: int) -> None:
        if done == total - 1:
            raise _StoppedError

    with pytest.raises(_StoppedError):
        train_base(PLAN, tmp_path / "stopped", pull)
    heard: list[int] = []
    again = train_base(PLAN, tmp_path / "stopped", lambda done, total: heard.append(done))
    assert heard == [3, 8]
    for name, weight in whole.weights.items():
        np.testing.assert_array_equal(again.weights[name], weight)
    files = bundle_files(again.weights, card_of((5, 3, 5), (0.5, 0.5)))
    kept = weights_of(files["judges.onnx"])
    assert kept.keys() == again.weights.keys()
