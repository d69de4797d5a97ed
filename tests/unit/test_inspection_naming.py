"""What was found is named by people's prototypes, else by a sure network, else not at all."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.inspection.findings import findings_of
from edge.inspection.naming import MOST_NAMED, Looked, kind_of, named
from edge.inspection.ports import DetectorIdentity
from edge.inspection.prototypes import UNKNOWN, describe_flaw, learn_prototypes
from edge.inspection.style_bank import ScaleStatistics
from edge.inspection.texture import Layer

pytestmark = pytest.mark.requirement("DEF")
CHANNELS, LIMIT = 3, 10.0
BRIGHT = 200


class BrightnessDetector:
    """Describes a cell by its brightness; bright flaws are stains, dark ones are nothing known."""

    def __init__(self, kinds: Sequence[str] = ("hole", "stain")) -> None:
        self.kinds = tuple(kinds)
        self.kind_confidence_ratio = 0.6
        self.identity = DetectorIdentity(bundle="b@1", digest="d", channels_count=CHANNELS)
        self.asked = 0

    def features(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        return tiles[:, 4::8, 4::8].astype(np.float32)

    def judge(
        self, features: NDArray[np.float32], mean: NDArray[np.float32], whitening: object
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        raise AssertionError("naming judges nothing again")

    looks_closely = False

    def close_look(
        self, tiles: NDArray[np.uint8], departures: NDArray[np.float32], found: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        raise AssertionError("this bundle looks at cells alone")

    def kind_logits(
        self,
        features: NDArray[np.float32],
        mean: NDArray[np.float32],
        whitening: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        self.asked += 1
        away = (features - mean)[..., 0] / 20
        return np.stack([np.zeros_like(away), np.clip(away, 0, None)], axis=-1)


class ClosePixelDetector(BrightnessDetector):
    """Looks at pixels: what is bright where something was found is a stain, else a hole."""

    looks_closely = True

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[tuple[NDArray[np.uint8], NDArray[np.bool_]]] = []

    def kind_logits(self, *given: object) -> NDArray[np.float32]:
        raise AssertionError("a bundle that looks closely is not asked about cells")

    def close_look(
        self, tiles: NDArray[np.uint8], departures: NDArray[np.float32], found: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        self.shown.append((tiles, found))
        assert departures.shape == (*found.shape, CHANNELS)
        cells = tiles[:, 4::8, 4::8, 0][found]
        bright = float(cells.mean())
        return np.array([[0.0, (bright - 100) / 20]], np.float32)


def looked_at(flaws: dict[tuple[int, int], int]) -> Looked:
    """A grey cloth of 40 x 60 cells with single cells of another brightness."""
    picture = np.full((320, 480, 3), 100, np.uint8)
    scores = np.zeros((40, 60), np.float32)
    for place, (row, column) in enumerate(flaws):
        picture[8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = flaws[row, column]
        scores[row, column] = 100.0 - place
    whole = np.ones(scores.shape, dtype=bool)
    return Looked(
        layer=Layer(picture=picture, cells=whole, foreign=~whole),
        scale=ScaleStatistics(
            factor=1,
            mean=np.full(CHANNELS, 100, np.float32),
            whitening=np.eye(CHANNELS, dtype=np.float32),
            bank_centre_score=0.0,
            bank_spread_score=1.0,
            head_centre_score=0.0,
            head_spread_score=1.0,
            limit_score=LIMIT,
        ),
        middle=np.full(CHANNELS, 100, np.float32),
        scores=scores,
    )


def kinds_found(looked: Looked, detector: BrightnessDetector, **more: object) -> list[str]:
    found = findings_of(looked.scores, LIMIT)
    return [f.defect_class for f in named(found, looked, detector, **more)]  # type: ignore[arg-type]


def test_a_sure_kind_is_named_and_an_unsure_one_is_not() -> None:
    looked = looked_at({(0, 0): BRIGHT, (20, 30): 40, (39, 59): BRIGHT})
    assert kinds_found(looked, BrightnessDetector()) == ["stain", UNKNOWN, "stain"]


def test_a_bundle_that_knows_no_kinds_names_none_and_is_not_asked() -> None:
    detector = BrightnessDetector(kinds=())
    assert kinds_found(looked_at({(5, 5): BRIGHT}), detector) == [UNKNOWN]
    assert detector.asked == 0


def test_what_people_taught_goes_before_what_the_network_learned() -> None:
    looked = looked_at({(5, 5): BRIGHT, (20, 30): 40})
    generator = np.random.default_rng(1)
    own = np.ones((1, 1), dtype=bool)
    examples = [
        describe_flaw(generator.normal(100, 1, (1, 1, CHANNELS)).astype(np.float32), own)
        for _ in range(6)
    ]
    taught = learn_prototypes({"glitter": examples}, "d")
    detector = BrightnessDetector()
    assert kinds_found(looked, detector, prototypes=(taught,)) == ["glitter", UNKNOWN]
    foreign = learn_prototypes({"glitter": examples}, "another bundle's")
    assert kinds_found(looked, detector, prototypes=(foreign,)) == ["stain", UNKNOWN]
    (first, _) = named(findings_of(looked.scores, LIMIT), looked, detector, (foreign, taught))
    assert first.defect_class == "glitter"
    assert first.confidence_ratio is not None
    assert 0 < first.confidence_ratio <= 1


def test_only_the_strongest_are_named() -> None:
    places = {(2 + 3 * (n // 10), 2 + 3 * (n % 10)): BRIGHT for n in range(MOST_NAMED + 3)}
    detector = BrightnessDetector()
    kinds = kinds_found(looked_at(places), detector)
    assert kinds == ["stain"] * MOST_NAMED + [UNKNOWN] * 3
    assert detector.asked == MOST_NAMED


def test_a_flaw_larger_than_a_tile_is_named_by_its_middle() -> None:
    looked = looked_at({(0, 0): 100})
    looked.scores[:, :] = 50.0
    looked.layer.picture[:] = BRIGHT
    assert kinds_found(looked, BrightnessDetector()) == ["stain"]


def test_confidence_is_the_share_of_the_mean_answer() -> None:
    logits = np.array([[0.0, 2.0], [0.0, 0.0]], np.float32)
    sure = float(np.exp(1) / (1 + np.exp(1)))
    assert kind_of(logits, ("a", "b"), sure - 0.01) == ("b", pytest.approx(sure))
    assert kind_of(logits, ("a", "b"), sure + 0.01)[0] == UNKNOWN


def test_a_close_look_sees_a_square_around_what_was_found() -> None:
    looked = looked_at({(0, 0): BRIGHT, (20, 30): BRIGHT, (39, 59): BRIGHT})
    detector = ClosePixelDetector()
    assert kinds_found(looked, detector) == ["stain"] * 3
    for tile, found in detector.shown:
        assert tile.shape == (1, 192, 192, 3)
        assert found.shape == (1, 24, 24)
        ((row, column),) = np.argwhere(found[0])
        assert (tile[0, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] == BRIGHT).all()


def test_a_close_look_at_a_bent_flaw_sees_its_strongest_cell() -> None:
    looked = looked_at({})
    looked.scores[0, :] = looked.scores[:, 59] = 50.0
    looked.scores[3, 59] = 200.0
    detector = ClosePixelDetector()
    (finding,) = named(findings_of(looked.scores, LIMIT), looked, detector)
    ((_, found),) = detector.shown
    assert found[0, 3, -1]
    assert finding.description


def test_a_piece_smaller_than_the_square_is_seen_whole() -> None:
    looked = looked_at({(5, 5): BRIGHT})
    small = Layer(
        picture=looked.layer.picture[:90, :120],
        cells=np.ones((12, 15), dtype=bool),
        foreign=np.zeros((12, 15), dtype=bool),
    )
    cut = replace(looked, layer=small, scores=looked.scores[:12, :15])
    assert kinds_found(cut, ClosePixelDetector()) == ["stain"]


def test_what_people_named_goes_before_a_close_look_and_is_described_alike() -> None:
    looked, detector = looked_at({(5, 5): BRIGHT}), ClosePixelDetector()
    (seen,) = named(findings_of(looked.scores, LIMIT), looked, detector)
    cells = BrightnessDetector()
    (finding,) = named(findings_of(looked.scores, LIMIT), looked, cells)
    assert seen.description == finding.description
    whole = np.frombuffer(finding.description, "<f4")
    taught = learn_prototypes({"glitter": [whole + np.float32(0.001) * n for n in range(4)]}, "d")
    detector.shown.clear()
    assert kinds_found(looked, detector, prototypes=(taught,)) == ["glitter"]
    assert not detector.shown
