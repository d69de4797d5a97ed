"""Every reason that the pipeline gives is a sentence at the kiosk and at the dashboard."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GIVEN = re.compile(
    r'(?:reasons\.append\(|cannot_\w+\(\w+, |reason = .*?|worst, reason = "\w+", )"([a-z_]+)"'
)
SIDES = ("top", "right", "bottom", "left")


@pytest.mark.requirement("KSK", "WEB")
@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_reason_of_the_pipeline_has_words(language) -> None:
    code = "\n".join(p.read_text("utf-8") for p in (ROOT / "edge" / "inspection").glob("*.py"))
    reasons = set(GIVEN.findall(code)) | {f"edge_unclear_{side}" for side in SIDES}
    assert {"skipped_stitches_unseen", "tags_hidden", "thickness_unknown"} <= reasons
    kiosk = json.loads((ROOT / f"edge/interfaces/kiosk/texts/{language}.json").read_text("utf-8"))
    page = json.loads((ROOT / f"cloud/dashboard/texts/{language}.json").read_text("utf-8"))
    assert not {one for one in reasons if f"reason.{one}" not in kiosk}
    assert not reasons - page["reason"].keys()
