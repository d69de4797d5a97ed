"""Chance that can be repeated: the seed is printed, and KYNDOF_SEED replays it."""

import os
import random
import secrets


def chance() -> random.Random:
    """A fresh seed each time, unless one is to be replayed; pytest shows it with a failure."""
    chosen = int(os.environ.get("KYNDOF_SEED", "0")) or secrets.randbelow(1 << 31)
    print(f"KYNDOF_SEED={chosen}")
    return random.Random(chosen)  # noqa: S311
