"""Writes the base bundle and its digest again: ``python -m tests.rebuild_base_bundle``."""

import re
from pathlib import Path

from cloud.infrastructure.training.golden_bank import write_bundle

ROOT = Path(__file__).parents[1]

if __name__ == "__main__":
    digest = write_bundle(ROOT / "edge/model_bundles/base")
    code = ROOT / "edge/model_bundles/bundle.py"
    line = f'BASE_MANIFEST_SHA256 = "{digest}"'
    code.write_text(re.sub(r'BASE_MANIFEST_SHA256 = ".*"', line, code.read_text()))
    print(digest)
