"""`kyndof bundle` makes keys, signs a folder, and says what is wrong with one."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import edge.model_bundles
from cloud.composition.doors import terminal_doors
from cloud.infrastructure.signing.bundle_keys import FolderBundleKeys
from cloud.infrastructure.signing.bundle_signing import BundleFolderError, pack_folder
from cloud.infrastructure.system_time import SystemClock
from cloud.interfaces.terminal.app import build_terminal
from cloud.rollouts.errors import ModelBundleInvalidError
from edge.infrastructure.bundle_golden import match_golden
from edge.infrastructure.bundle_signatures import signers_of
from edge.infrastructure.onnx_bundle_folder import OnnxBundleFolders
from edge.infrastructure.onnx_defect_detector import OnnxDefectDetector
from edge.infrastructure.plain_folder import read_folder
from edge.model_bundles.bundle import opened
from edge.model_bundles.errors import SelfTestError
from tests.fakes import broken_networks

pytestmark = pytest.mark.requirement("ROL", "TER")
BASE = Path(edge.model_bundles.__file__).parent / "base"


def kyndof(*arguments: str) -> Result:
    return CliRunner().invoke(build_terminal(terminal_doors()), ["bundle", *arguments])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KYNDOF_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "cotton"
    shutil.copytree(BASE, copy)
    return copy


def test_keys_are_made_once_rotated_and_never_readable_by_others(home: Path) -> None:
    first = json.loads(kyndof("keys", "--json").stdout)
    assert (first["version"], json.loads(kyndof("keys", "--json").stdout)) == (1, first)
    (old,) = first["keys"]
    second = json.loads(kyndof("keys", "--rotate", "--json").stdout)
    assert [key["key_id"] for key in second["keys"]][1:] == [old["key_id"]]
    third = json.loads(kyndof("keys", "--rotate", "--retire", old["key_id"], "--json").stdout)
    assert old["key_id"] not in {key["key_id"] for key in third["keys"]}
    files = list((home / "bundle-keys").glob("*.pem"))
    assert len(files) == 5
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_folder_is_prepared_signed_and_opened_by_a_station(home: Path, folder: Path) -> None:
    early = kyndof("sign", str(folder))
    assert (early.exit_code, "the manifest lacks limits" in early.stderr) == (1, True)
    assert (
        kyndof("prepare", str(folder), "--counter", "3", "--label", "cotton@1.2.0").exit_code == 0
    )
    signed = json.loads(kyndof("sign", str(folder), "--json").stdout)
    keys = FolderBundleKeys(home / "bundle-keys", SystemClock())
    (home / "release.pem").write_text(keys.trust().release_keys[0].public_key_pem)
    opened = OnnxBundleFolders(str(home / "release.pem")).signed(str(folder))
    assert (opened.digest, opened.label) == (signed["model_digest"], "cotton@1.2.0")


def golden(folder: Path) -> tuple[bytes, OnnxDefectDetector]:
    bundle = opened(read_folder(folder), "signature")
    return bundle.files["golden.npz"], OnnxDefectDetector(bundle, 1)


def test_preparing_writes_golden_pictures_that_the_same_networks_match(
    home: Path, folder: Path
) -> None:
    bare = kyndof("sign", str(folder))
    kyndof("prepare", str(folder), "--counter", "1")
    content, detector = golden(folder)
    match_golden(content, detector)
    with np.load(io.BytesIO(content)) as kept:
        assert kept["tiles"].shape == (32, 128, 128, 3)
    kyndof("prepare", str(folder), "--counter", "1")
    assert (bare.exit_code, golden(folder)[0]) == (1, content)
    (folder / "golden.npz").unlink()
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    del manifest["files"]["golden.npz"]
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    told = kyndof("sign", str(folder))
    assert (told.exit_code, "golden.npz" in told.stderr) == (1, True)


def test_networks_that_answer_otherwise_than_when_they_were_prepared_are_found_out(
    home: Path, folder: Path
) -> None:
    kyndof("prepare", str(folder), "--counter", "1")
    content, _ = golden(folder)
    (folder / "judges.onnx").write_bytes(broken_networks.shifted(0.5))
    (folder / "golden.npz").unlink()
    kyndof("prepare", str(folder), "--counter", "1")
    _, other = golden(folder)
    with pytest.raises(SelfTestError) as refused:
        match_golden(content, other)
    assert refused.value.code == "SELF_TEST_GOLDEN"


def test_a_folder_whose_networks_do_not_run_is_not_prepared(home: Path, folder: Path) -> None:
    before = (folder / "manifest.json").read_bytes()
    for network in (b"none", broken_networks.not_a_number()):
        (folder / "judges.onnx").write_bytes(network)
        told = kyndof("prepare", str(folder), "--counter", "1")
        assert (told.exit_code, "answer nothing" in told.stderr) == (1, True)
    assert (folder / "manifest.json").read_bytes() == before


def test_what_was_changed_after_its_signature_or_signed_by_a_stranger_is_not_packed(
    home: Path, folder: Path, tmp_path: Path
) -> None:
    keys = FolderBundleKeys(home / "bundle-keys", SystemClock())
    kyndof("prepare", str(folder), "--counter", "1")
    now = SystemClock().now()
    kyndof("keys")
    with pytest.raises(BundleFolderError):
        pack_folder(folder, keys.trust(), now)
    kyndof("sign", str(folder))
    assert pack_folder(folder, keys.trust(), now).key_id == keys.signing_key()[0]
    strangers = FolderBundleKeys(tmp_path / "strangers", SystemClock())
    strangers.make()
    with pytest.raises(ModelBundleInvalidError):
        pack_folder(folder, strangers.trust(), now)
    (folder / "labels.json").write_bytes(b"{}")
    with pytest.raises(ModelBundleInvalidError):
        pack_folder(folder, keys.trust(), now)
    (folder / "more").symlink_to(folder / "card.md")
    with pytest.raises(BundleFolderError):
        pack_folder(folder, keys.trust(), now)


def test_two_keys_sign_where_two_are_asked_for(home: Path, folder: Path) -> None:
    kyndof("prepare", str(folder), "--counter", "1")
    few = kyndof("keys", "--rotate", "--threshold", "3")
    assert (few.exit_code, "3 keys cannot sign" in few.stderr) == (1, True)
    kyndof("keys")
    told = json.loads(kyndof("keys", "--rotate", "--threshold", "2", "--json").stdout)
    assert (told["threshold"], len(told["keys"])) == (2, 2)
    first, second = (key["key_id"] for key in told["keys"])
    keys = FolderBundleKeys(home / "bundle-keys", SystemClock())
    now = SystemClock().now()
    early = kyndof("sign", str(folder), "--key", first, "--beside")
    assert (early.exit_code, "no first signature" in early.stderr) == (1, True)
    kyndof("sign", str(folder), "--key", first)
    kyndof("sign", str(folder), "--key", first, "--beside")  # the same key twice is one key
    with pytest.raises(ModelBundleInvalidError) as refused:
        pack_folder(folder, keys.trust(), now)
    assert (refused.value.details["actual"], refused.value.details["expected"]) == (1, 2)
    kyndof("sign", str(folder), "--key", second, "--beside")
    packed = pack_folder(folder, keys.trust(), now)
    assert {packed.key_id, *packed.co_key_ids} == {first, second}
    # A station asks for both as well.
    pems = {key.key_id: key.public_key_pem for key in keys.trust().release_keys}
    assert signers_of(folder, pems) == {first, second}
    (folder / "card.md").write_bytes(b"other")
    kyndof("prepare", str(folder), "--counter", "2")
    assert signers_of(folder, pems) == set()
    strangers = kyndof("sign", str(folder), "--key", "0" * 16)
    assert strangers.exit_code == 1


def test_production_names_the_setting_of_its_keys(
    home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KYNDOF_ENVIRONMENT", "production")
    told = kyndof("sign", str(folder))
    assert (told.exit_code, "KYNDOF_BUNDLE_KEYS" in told.stderr) == (1, True)
    assert not (home / "bundle-keys").exists()
