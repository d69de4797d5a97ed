"""The trained heads say the same in PyTorch and onnxruntime; training goes on where it stopped."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is the extra `train`")

from cloud.infrastructure.training import fitting  # noqa: E402
from cloud.infrastructure.training.base_card import card_of  # noqa: E402
from cloud.infrastructure.training.base_training import (  # noqa: E402
    BasePlan,
    Trained,
    fit_where,
    train_base,
)
from cloud.infrastructure.training.bundle_files import (  # noqa: E402
    Heads,
    bundle_files,
    heads_of,
)
from cloud.infrastructure.training.golden_bank import CHANNELS, golden_bank  # noqa: E402
from cloud.infrastructure.training.heads import judges_graph, kinds_graph  # noqa: E402
from cloud.infrastructure.training.network import folded, what_head, where_head  # noqa: E402
from cloud.infrastructure.training.rendering import KINDS, draw_style, render_cloth  # noqa: E402
from cloud.infrastructure.training.style_set import render_shards, shards_of  # noqa: E402
from cloud.infrastructure.training.where_training import turned  # noqa: E402

pytestmark = pytest.mark.requirement("DEF")
PLAN = BasePlan(seed=5, style_count=4, step_count=5, kind_step_count=3)


def session_of(graph: object) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(
        graph.SerializeToString(),  # type: ignore[attr-defined]
        providers=["CPUExecutionProvider"],
    )


@pytest.mark.parametrize("which", ["where", "what"])
def test_torch_and_onnxruntime_agree_to_a_thousandth(which: str) -> None:
    torch.manual_seed(2)
    head = where_head() if which == "where" else what_head(len(KINDS))
    graph = judges_graph if which == "where" else kinds_graph
    generator = np.random.default_rng(4)
    shape = (2, 20, 36, CHANNELS)
    head.train()
    head(torch.from_numpy(generator.normal(0, 2, shape).astype(np.float32)))
    head.eval()
    features = generator.normal(0, 4, shape).astype(np.float32)
    mean = generator.normal(size=CHANNELS).astype(np.float32)
    whitening = generator.normal(0, 0.5, (CHANNELS, CHANNELS)).astype(np.float32)
    given = {"features": features, "mean": mean, "whitening": whitening}
    output = "logits" if which == "where" else "kinds"
    (answer,) = session_of(graph(folded(head))).run([output], given)
    with torch.no_grad():
        expected = head(torch.from_numpy((features - mean) @ whitening)).numpy()
    expected = expected[:, 0] if which == "where" else expected.transpose(0, 2, 3, 1)
    assert answer.shape == expected.shape
    assert float(np.abs(answer - expected).max()) <= 1e-3


@pytest.mark.parametrize("way", range(8))
def test_turning_what_a_head_sees_is_turning_the_picture(way: int) -> None:
    generator = np.random.default_rng(6)
    tile = render_cloth(draw_style(generator, "twill"), generator, 96)[None]
    pictures, mask = tile, np.arange(144, dtype=np.float32).reshape(1, 12, 12)
    expected = mask
    for bit, change in ((1, np.flipud), (2, np.fliplr), (4, np.transpose)):
        if way & bit:
            expected = change(expected[0])[None]
            axes = (1, 0, 2) if bit == 4 else None
            pictures = (pictures[0].transpose(axes) if axes else change(pictures[0]))[None]
    bank = session_of(golden_bank())
    before, after = (
        bank.run(["features"], {"tiles": np.ascontiguousarray(tiles)})[0]
        for tiles in (tile, pictures)
    )
    features, masks = turned(before, mask, way)
    np.testing.assert_array_equal(masks, expected)
    np.testing.assert_allclose(features, after, atol=2e-3)


class _StoppedError(Exception):
    """Somebody pulled the plug."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trained]:
    folder = tmp_path_factory.mktemp("whole")
    return folder, train_base(PLAN, folder, lambda done, total: None)


def test_training_that_was_stopped_ends_the_same(
    whole: tuple[Path, Trained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "SAVE_STEPS", 2)

    def pull(done: int, total: int) -> None:
        if done == PLAN.style_count + PLAN.step_count - 1:
            raise _StoppedError

    with pytest.raises(_StoppedError):
        train_base(PLAN, tmp_path, pull)
    heard: list[int] = []
    again = train_base(PLAN, tmp_path, lambda done, total: heard.append(done))
    assert heard == [4, 8, 9, 10, 11, 12]
    for one, other in ((whole[1].where, again.where), (whole[1].what, again.what)):
        for name, weight in one.items():
            np.testing.assert_array_equal(other[name], weight)


def test_two_processes_train_the_same_networks_as_one(whole: tuple[Path, Trained]) -> None:
    folder, expected = whole
    for kept in folder.glob("wh*.pt"):
        kept.unlink()
    again = train_base(PLAN, folder, lambda done, total: None, workers=2)
    for name, weight in expected.where.items():
        np.testing.assert_array_equal(again.where[name], weight)
    assert again.named == expected.named


def test_another_plan_in_the_same_folder_starts_anew(
    whole: tuple[Path, Trained], tmp_path: Path
) -> None:
    folder, _ = whole
    plans = (
        replace(PLAN, step_count=3),
        replace(PLAN, style_count=3),
        replace(PLAN, without_kinds=("hole",)),
        replace(PLAN, seed=6, style_count=2),
    )
    assert len({PLAN.key, *(plan.key for plan in plans)}) == len(plans) + 1
    for plan in plans:
        render_shards(shards_of(folder, plan.seed, plan.style_count), 1, lambda done: None)
        render_shards(shards_of(tmp_path, plan.seed, plan.style_count), 1, lambda done: None)
        steps: list[int] = []
        here, _ = fit_where(plan, folder, steps.append)
        there, _ = fit_where(plan, tmp_path, lambda step: None)
        assert steps == list(range(1, plan.step_count + 1))
        for name, weight in there.items():
            np.testing.assert_array_equal(here[name], weight)


def test_a_bundle_gives_back_what_was_trained(whole: tuple[Path, Trained]) -> None:
    _, trained = whole
    heads = Heads(where=trained.where, what=trained.what, confidence_ratio=0.4)
    files = bundle_files(heads, card_of(PLAN, trained))
    kept = heads_of(files)
    assert kept.confidence_ratio == 0.4
    assert kept.what is not None
    assert kept.what.keys() == trained.what.keys()
    assert bundle_files(kept, files["card.md"].decode()) == files
    assert "--styles 4 --steps 5" in files["card.md"].decode()


def test_a_bundle_without_a_what_head_names_no_kinds(whole: tuple[Path, Trained]) -> None:
    files = bundle_files(Heads(where=whole[1].where), "")
    assert "kinds.onnx" not in files
    assert b"broken_end" not in files["labels.json"]
    assert heads_of(files).what is None
