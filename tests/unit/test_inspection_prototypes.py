"""Kinds of flaws are learned from a few corrections; what is like none of them stays unknown."""

import zlib
from dataclasses import replace

import numpy as np
import pytest

from edge.inspection.errors import PrototypesCorruptError
from edge.inspection.prototypes import Prototypes, describe_flaw, learn_prototypes

pytestmark = pytest.mark.requirement("DEF")
CHANNELS = 24


def flaws(seed: int, direction: np.ndarray, count: int) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        strength = generator.uniform(4, 9)
        cells = strength * direction + generator.normal(0, 1, (generator.integers(3, 12), CHANNELS))
        own = np.arange(16).reshape(4, 4) < len(cells)
        departures = np.zeros((4, 4, CHANNELS), np.float32)
        departures[own] = cells
        found.append(describe_flaw(departures, own))
    return found


def directions() -> list[np.ndarray]:
    generator = np.random.default_rng(8)
    found = [generator.normal(size=CHANNELS) for _ in range(4)]
    return [d / np.linalg.norm(d) for d in found]


def taught() -> Prototypes:
    hole, stain, slub, _ = directions()
    examples = {"hole": flaws(1, hole, 60), "stain": flaws(2, stain, 60), "slub": flaws(3, slub, 8)}
    return learn_prototypes({**examples, "rare": flaws(4, slub, 2)})


def test_who_is_near_a_kind_gets_its_name_and_hardly_any_gets_a_wrong_one() -> None:
    prototypes = taught()
    assert prototypes.kinds == ("hole", "slub", "stain")
    for kind, direction in zip(("hole", "stain", "slub"), directions(), strict=False):
        named = [prototypes.name(flaw).kind for flaw in flaws(11, direction, 50)]
        assert named.count(kind) >= 15, kind
        assert named.count(kind) + named.count("unknown_anomaly") >= 48, kind


def test_a_kind_nobody_named_is_an_unknown_anomaly() -> None:
    named = [taught().name(3 * flaw).kind for flaw in flaws(12, -directions()[3], 50)]
    assert named.count("unknown_anomaly") >= 40
    nothing = learn_prototypes({})
    assert nothing.name(flaws(1, directions()[0], 1)[0]).kind == "unknown_anomaly"


def test_prototypes_come_back_whole() -> None:
    for prototypes in (taught(), learn_prototypes({})):
        data = prototypes.to_bytes()
        again = Prototypes.from_bytes(data)
        assert again.to_bytes() == data
        assert again.kinds == prototypes.kinds


@pytest.mark.parametrize("damage", ["empty", "cut", "changed", "foreign", "short"])
def test_damaged_prototypes_are_refused(damage: str) -> None:
    data = bytearray(taught().to_bytes())
    if damage == "empty":
        data = bytearray()
    elif damage == "cut":
        data = data[:-5]
    elif damage == "changed":
        data[200] ^= 4
    elif damage == "foreign":
        data[:4] = b"PK\x03\x04"
    else:
        data = data[:-8]
        data[14:18] = zlib.crc32(bytes(data[18:])).to_bytes(4, "little")
    with pytest.raises(PrototypesCorruptError):
        Prototypes.from_bytes(bytes(data))


def test_what_an_earlier_station_described_still_counts_and_still_names() -> None:
    hole, stain, _, _ = directions()
    earlier = {"hole": [one[:48] for one in flaws(1, hole, 30)], "stain": flaws(2, stain, 30)}
    prototypes = learn_prototypes(earlier)
    assert prototypes.means.shape == (2, 48)
    for one in flaws(11, hole, 20):
        assert prototypes.name(one) == prototypes.name(one[:48])
    named = [prototypes.name(one).kind for one in flaws(11, hole, 50)]
    assert named.count("hole") >= 10
    assert named.count("stain") <= 2


def test_a_line_and_a_spot_of_the_same_cells_are_told_apart() -> None:
    generator = np.random.default_rng(5)
    line, spot = np.zeros((2, 12, 12), np.bool_)
    line[5, 1:10] = spot[4:7, 4:7] = True

    def drawn(own: np.ndarray, count: int) -> list[np.ndarray]:
        found = []
        for _ in range(count):
            cells = 6 * directions()[0] + generator.normal(0, 1, (12, 12, CHANNELS))
            found.append(describe_flaw(cells.astype(np.float32), own))
        return found

    learned = learn_prototypes({"line": drawn(line, 20), "spot": drawn(spot, 20)})
    for kind, own in (("line", line), ("spot", spot)):
        named = [replace(learned, far_score=9.0).name(one).kind for one in drawn(own, 20)]
        assert named == [kind] * 20


@pytest.mark.parametrize("cells", [1, 5])
def test_a_description_is_all_numbers_however_small_the_flaw(cells: int) -> None:
    own = np.zeros((6, 6), np.bool_)
    own[3, :cells] = True
    described = describe_flaw(np.zeros((6, 6, CHANNELS), np.float32), own)
    assert described.shape == (3 * CHANNELS + 11,)
    assert described[-1] == 1
    assert np.isfinite(described).all()
