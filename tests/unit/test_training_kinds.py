"""From which confidence on a kind is named, worked out on answers made up for it."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is the extra `train`")

from cloud.infrastructure.training.golden_bank import CHANNELS  # noqa: E402
from cloud.infrastructure.training.kind_training import (  # noqa: E402
    Named,
    calibrated,
    with_a_flaw_of_the_catalogue,
)
from cloud.infrastructure.training.rendering import KINDS  # noqa: E402
from cloud.infrastructure.training.style_set import GOOD, NAMELESS, StyleSet  # noqa: E402

pytestmark = pytest.mark.requirement("DEF")
ANOMALY = len(KINDS)
WEIGHTS = {
    "answer_w": np.ones((len(KINDS), 2, 1, 1), np.float32),
    "answer_b": np.ones(len(KINDS), np.float32),
}


class Echo(torch.nn.Module):
    """Answers with the first channels of what it is shown."""

    def forward(self, departures: torch.Tensor) -> torch.Tensor:
        return departures[..., : len(KINDS)].permute(0, 3, 1, 2)


def tiles(kinds: list[int], said: list[int], sure: list[float]) -> StyleSet:
    """Tiles of ``kinds`` whose one flawed cell says another kind, that surely."""
    departures = np.zeros((len(kinds), 3, 3, CHANNELS), np.float16)
    masks = np.zeros((len(kinds), 3, 3), np.bool_)
    masks[:, 1, 1] = True
    for place, (kind, much) in enumerate(zip(said, sure, strict=True)):
        departures[place, 1, 1, kind] = much
        departures[place, 0, 0, (kind + 1) % len(KINDS)] = 9.0  # beside the flaw: never counted
    return StyleSet(
        departures=departures,
        masks=masks,
        kinds=np.array(kinds, np.int8),
        families=np.zeros(len(kinds), np.int8),
    )


def named_on(shown: StyleSet) -> Named:
    return calibrated(Echo(), WEIGHTS, shown)[1]


def test_four_of_five_names_are_right_and_four_of_five_anomalies_stay_nameless() -> None:
    kinds = [n % 4 for n in range(40)]
    said = [kind if n < 30 else kind + 1 for n, kind in enumerate(kinds)]
    sure = [10.0 - 0.2 * n for n in range(40)]
    kinds += [ANOMALY] * 10
    said += [7] * 10
    sure += [6.1 - 0.5 * n for n in range(10)]
    named = named_on(tiles(kinds, said, sure))
    assert named.flaw_count == 40
    assert named.accuracy_ratio == 0.75
    assert named.precision_ratio >= 0.8
    assert named.unknown_ratio >= 0.8
    assert named.named_ratio > 0.5


def test_a_network_that_knows_nothing_names_nothing() -> None:
    named = named_on(tiles([0] * 10 + [ANOMALY] * 5, [3] * 15, [4.0] * 15))
    assert named.confidence_ratio == 1.0
    assert named.named_ratio == 0.0
    assert named.unknown_ratio == 1.0


def test_answers_that_are_too_sure_are_cooled() -> None:
    shown = tiles([0] * 20, [0] * 10 + [1] * 10, [9.0] * 20)
    weights, _ = calibrated(Echo(), WEIGHTS, shown)
    assert float(weights["answer_w"].max()) < 0.5
    assert np.array_equal(weights["answer_w"][:, 0, 0, 0], weights["answer_b"])


def test_only_flaws_that_can_be_seen_teach_kinds() -> None:
    shown = tiles([GOOD, NAMELESS, 2, ANOMALY, 3], [0] * 5, [1.0] * 5)
    shown.masks[4] = False
    assert with_a_flaw_of_the_catalogue(shown).kinds.tolist() == [2, ANOMALY]


def test_without_flaws_there_is_nothing_to_say() -> None:
    named = named_on(tiles([GOOD], [0], [1.0]))
    assert (named.flaw_count, named.accuracy_ratio) == (0, 0.0)
