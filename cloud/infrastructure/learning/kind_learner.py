"""Kinds of flaws learned, and banks read, as a station does it."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from cloud.learning.bank import BankFacts
from cloud.learning.ports import BankReader, KindLearner
from edge.inspection.errors import StyleBankCorruptError
from edge.inspection.prototypes import FEWEST_EXAMPLES, learn_prototypes
from edge.inspection.style_bank import StyleBank

_MOST_KEPT = 32


class PrototypeLearner:
    """Implements ``KindLearner``; what was learned from the same examples is not learned again."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()

    @property
    def fewest_count(self) -> int:
        """Return how many named flaws make a kind."""
        return FEWEST_EXAMPLES

    def learn(self, examples: Mapping[str, Sequence[bytes]], bundle_digest: str) -> bytes:
        """Return the file of prototypes of a bundle."""
        key = _key(examples, bundle_digest)
        if key not in self._kept:
            described = {
                kind: [np.frombuffer(one, "<f4").astype(np.float32) for one in of_kind]
                for kind, of_kind in examples.items()
            }
            self._kept[key] = learn_prototypes(described, bundle_digest).to_bytes()
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


class StyleBankReader:
    """Implements ``BankReader`` as a station reads banks."""

    def read(self, bank: bytes) -> BankFacts | None:
        """Return what a bank says of itself, None where it is damaged."""
        try:
            found = StyleBank.from_bytes(bank)
        except StyleBankCorruptError:
            return None
        return BankFacts(
            style=found.style,
            bundle_digest=found.bundle_digest,
            piece_count=found.piece_count,
            threshold_score=found.threshold_score,
            overkill_ratio=found.overkill_ratio,
        )


def _key(examples: Mapping[str, Sequence[bytes]], bundle_digest: str) -> bytes:
    told = hashlib.sha256(bundle_digest.encode())
    for kind, of_kind in examples.items():
        told.update(f"\0{kind}\0{len(of_kind)}\0".encode())
        for one in of_kind:
            told.update(one)
    return told.digest()


def learners() -> "dict[type, Callable[[Any, str], object]]":
    """Return what learns and reads in this process."""
    learner, reader = PrototypeLearner(), StyleBankReader()
    return {
        KindLearner: lambda _connection, _organization: learner,
        BankReader: lambda _connection, _organization: reader,
    }
