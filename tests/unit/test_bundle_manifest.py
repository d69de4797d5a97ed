"""What a manifest is completed with before it is signed."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud.infrastructure.signing.bundle_signing import (
    TAUGHT_WITH,
    BundleFolderError,
    ManifestWish,
    complete_manifest,
)

WISH = ManifestWish(
    release_counter=2, expires_at=datetime(2030, 1, 1, tzinfo=UTC), latency_ms=900, memory_mb=512
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {name: name.encode() for name in (*TAUGHT_WITH, "kinds.onnx")}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    manifest = {
        "name": "base",
        "version": "1",
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        "compat": {"opset": 21, "banks_of": ["0" * 64]},
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return tmp_path


@pytest.mark.requirement("ROL")
def test_banks_hold_on_where_only_names_of_kinds_are_new(folder: Path) -> None:
    former = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    (folder / "kinds.onnx").write_bytes(b"other")
    complete_manifest(folder, WISH)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert manifest["compat"] == {"opset": 21, "banks_of": sorted(["0" * 64, former])}


@pytest.mark.requirement("ROL")
@pytest.mark.parametrize("changed", TAUGHT_WITH)
def test_banks_of_another_network_hold_for_nothing(folder: Path, changed: str) -> None:
    (folder / changed).write_bytes(b"other")
    complete_manifest(folder, WISH)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert manifest["compat"] == {"opset": 21, "banks_of": []}


@pytest.mark.requirement("ROL")
@pytest.mark.parametrize("content", ["", "[]", "{}", '{"files": 3}', '{"files": {}, "compat": 3}'])
def test_a_manifest_that_is_none_is_refused_and_left(folder: Path, content: str) -> None:
    (folder / "manifest.json").write_text(content, encoding="utf-8")
    with pytest.raises(BundleFolderError):
        complete_manifest(folder, WISH)
    assert (folder / "manifest.json").read_text("utf-8") == content
