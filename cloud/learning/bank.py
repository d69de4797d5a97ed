"""Banks of styles as they were taught."""

import re
from dataclasses import dataclass

LARGEST_BANK_BYTES = 10 * 1024
_STYLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BankFacts:
    """What a bank says of itself; ``threshold_score`` is a robust z value."""

    style: str
    bundle_digest: str
    piece_count: int
    threshold_score: float
    overkill_ratio: float


def is_style(name: str) -> bool:
    """Say whether a style of that name can be taught."""
    return _STYLE.fullmatch(name) is not None
