"""Kinds of flaws are learned from a few corrections; what is like none of them stays unknown."""

import zlib

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
        found.append(describe_flaw(cells.astype(np.float32)))
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
