"""What people call flaws, and which of their words count."""

import struct
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite

NUMBER_BYTES = 4
MOST_NUMBERS = 128
"""A description holds so many numbers at most; the base bundle's has 83, once 48."""
MOST_FINDINGS = 10_000
MOST_BUNDLES = 3
MOST_OF_A_KIND = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """The newest word on one finding; ``description`` is little-endian float32."""

    kind: str
    bundle_digest: str
    description: bytes
    named_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFinding:
    """What is known of the finding that somebody names; ``description`` is empty without one."""

    bundle_digest: str
    description: bytes = b""


def is_description(content: bytes) -> bool:
    """Say whether bytes are 1 to 128 finite float32."""
    count, rest = divmod(len(content), NUMBER_BYTES)
    if rest or not 1 <= count <= MOST_NUMBERS:
        return False
    return all(map(isfinite, struct.unpack(f"<{count}f", content)))


def examples_by_bundle(
    namings: Iterable[Naming],
) -> Mapping[str, Mapping[str, Sequence[bytes]]]:
    """Sort the newest words on findings by bundle and kind, for the bundles named by last.

    Of one bundle only descriptions of the commonest length count, and longer ones, which begin
    with the same numbers: a later station says more of a flaw, never something else.
    """
    of_bundle: defaultdict[str, list[Naming]] = defaultdict(list)
    for naming in sorted(namings, key=lambda one: one.named_at, reverse=True):
        of_bundle[naming.bundle_digest].append(naming)
    return {digest: _examples(of_bundle[digest]) for digest in list(of_bundle)[:MOST_BUNDLES]}


def _examples(newest_first: Sequence[Naming]) -> Mapping[str, Sequence[bytes]]:
    described = [one for one in newest_first if one.kind and is_description(one.description)]
    commonest = Counter(len(one.description) for one in described).most_common(1)
    found: defaultdict[str, list[bytes]] = defaultdict(list)
    for one in described:
        fits = len(one.description) >= commonest[0][0]
        if fits and len(found[one.kind]) < MOST_OF_A_KIND:
            found[one.kind].append(one.description)
    # In an order of their own: who named first must not change what is learned.
    return {kind: sorted(found[kind]) for kind in sorted(found)}
