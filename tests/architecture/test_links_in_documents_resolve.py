"""Every relative link and picture in a document leads to a file, every anchor to a heading."""

import re
from pathlib import PurePosixPath

import pytest

from tests.architecture.tree import ROOT, text_of, tracked

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(name: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text_of(name) or "", re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


@pytest.mark.requirement("DOC")
def test_every_relative_link_in_a_document_leads_somewhere() -> None:
    broken = []
    documents = [name for name in tracked() if name.endswith(".md")]
    for name in documents:
        for target in LINK.findall(FENCE.sub("", text_of(name) or "")):
            if "://" in target or target.startswith("mailto:"):
                continue
            path, _, anchor = target.partition("#")
            file = (ROOT / name).parent / path if path else ROOT / name
            if not file.exists():
                broken.append(f"{name} -> {target}")
            elif anchor and anchor not in anchors(
                str(PurePosixPath(file.resolve().relative_to(ROOT.resolve())))
            ):
                broken.append(f"{name} -> {target}: no such heading")
    assert not broken
