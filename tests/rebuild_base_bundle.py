"""Writes the base bundle and its digest again: ``python -m tests.rebuild_base_bundle``.

Keeps the trained weights and the card; only what code writes around them changes.
"""

import re
from pathlib import Path

from cloud.infrastructure.training.bundle_files import heads_of, write_bundle

ROOT = Path(__file__).parents[1]
BASE = ROOT / "edge/model_bundles/base"


def note_digest(digest: str) -> None:
    code = ROOT / "edge/model_bundles/bundle.py"
    line = f'BASE_MANIFEST_SHA256 = "{digest}"'
    code.write_text(re.sub(r'BASE_MANIFEST_SHA256 = ".*"', line, code.read_text()))


if __name__ == "__main__":
    heads = heads_of({entry.name: entry.read_bytes() for entry in BASE.iterdir()})
    written = write_bundle(BASE, heads, (BASE / "card.md").read_text(encoding="utf-8"))
    note_digest(written)
    print(written)
