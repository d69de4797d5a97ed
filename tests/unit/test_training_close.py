"""The close look says the same in PyTorch and onnxruntime; stopped, its training goes on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is the extra `train`")

from cloud.infrastructure.training import fitting  # noqa: E402
from cloud.infrastructure.training.close_graph import close_graph  # noqa: E402
from cloud.infrastructure.training.close_network import CloseLook, folded_close  # noqa: E402
from cloud.infrastructure.training.close_training import (  # noqa: E402
    ClosePlan,
    place_found,
    train_close,
)
from cloud.infrastructure.training.flaw_set import (  # noqa: E402
    FLAWS,
    Flaws,
    flaw_shards_of,
    render_flaws,
)
from cloud.infrastructure.training.golden_bank import CHANNELS  # noqa: E402
from cloud.infrastructure.training.rendering import KINDS  # noqa: E402
from cloud.infrastructure.training.style_set import NAMES  # noqa: E402

pytestmark = pytest.mark.requirement("DEF")
PLAN = ClosePlan(seed=5, style_count=3, step_count=4)


@pytest.mark.parametrize("side_px", [64, 192])
def test_torch_and_onnxruntime_agree_to_a_thousandth(side_px: int) -> None:
    torch.manual_seed(2)
    network, generator, cells = CloseLook(len(KINDS)), np.random.default_rng(4), side_px // 8
    tiles = generator.integers(0, 256, (3, side_px, side_px, 3), dtype=np.uint8)
    departures = generator.normal(0, 4, (3, cells, cells, CHANNELS)).astype(np.float32)
    found = (generator.random((3, cells, cells)) > 0.8).astype(np.float32)
    found[2] = 0
    seen = [torch.from_numpy(one) for one in (tiles.astype(np.float32), departures, found)]
    network.train()
    network(*seen)
    network.eval()
    session = onnxruntime.InferenceSession(
        close_graph(folded_close(network)).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    given = {"tiles": tiles, "departures": departures, "found": found}
    (kinds,) = session.run(["kinds"], given)
    with torch.no_grad():
        expected = network(*seen).numpy()
    assert kinds.shape == (3, len(KINDS))
    assert float(np.abs(kinds - expected).max()) <= 1e-3


def test_a_place_is_found_where_cells_depart_and_touch_the_flaw() -> None:
    departures = np.zeros((8, 8, CHANNELS), np.float32)
    departures[2, 2:5] = departures[6, 6] = 3.0
    mask = np.zeros((8, 8), np.bool_)
    mask[2, 4] = mask[3, 4] = True
    assert np.argwhere(place_found(mask, departures, 2.0)).tolist() == [[2, 2], [2, 3], [2, 4]]
    assert not place_found(mask, departures, 3.5).any()


class _StoppedError(Exception):
    """Somebody pulled the plug."""


def test_training_that_was_stopped_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "SAVE_STEPS", 2)
    whole, named = train_close(PLAN, tmp_path / "whole", lambda done: None)

    def pull(done: int) -> None:
        if done == PLAN.style_count + PLAN.step_count - 1:
            raise _StoppedError

    with pytest.raises(_StoppedError):
        train_close(PLAN, tmp_path / "stopped", pull)
    heard: list[int] = []
    again, other = train_close(PLAN, tmp_path / "stopped", heard.append)
    assert heard == [3, 5, 6, 7]
    assert other == named
    for name, weight in whole.items():
        np.testing.assert_array_equal(again[name], weight)


def test_what_is_left_out_is_not_shown_and_makes_another_plan(tmp_path: Path) -> None:
    shards = flaw_shards_of(tmp_path, PLAN.seed, PLAN.style_count)
    render_flaws(shards, 1, lambda done: None)
    flaws = Flaws(shards)
    assert len(flaws) == PLAN.style_count * FLAWS
    absent = NAMES[int(flaws.kinds[0])]
    without = replace(PLAN, without_kinds=(absent,))
    shown = without.shown(flaws, np.arange(len(flaws)))
    assert shown.tolist() == np.flatnonzero(flaws.kinds != flaws.kinds[0]).tolist()
    part = flaws.take(np.array([len(flaws) - 1, 0]))
    assert part.kinds.tolist() == flaws.kinds[[-1, 0]].tolist()
    assert part.masks.any(axis=(1, 2)).all()
    assert len({PLAN.key, without.key, replace(PLAN, step_count=5).key}) == 3
