import hashlib
import io
import json
import shutil
from pathlib import Path

import model_signing
import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

import edge.model_bundles
from cloud.infrastructure.training.bundle_files import Heads, bundle_files, heads_of
from cloud.infrastructure.training.rendering import KINDS
from edge.infrastructure.bundle_golden import FEWEST_TILES, golden_file, match_golden
from edge.infrastructure.onnx_bundle_folder import OnnxBundleFolders
from edge.infrastructure.onnx_defect_detector import OnnxDefectDetector
from edge.model_bundles.bundle import BASE_MANIFEST_SHA256, Bundle, opened
from edge.model_bundles.errors import (
    BundleCorruptError,
    BundleKeyMissingError,
    BundleSignatureError,
    BundleUnsignedError,
    SelfTestError,
)

BASE = Path(edge.model_bundles.__file__).parent / "base"


def rebuilt() -> dict[str, bytes]:
    """The bundle as code writes it round the committed weights and card."""
    committed = {entry.name: entry.read_bytes() for entry in BASE.iterdir()}
    return bundle_files(heads_of(committed), (BASE / "card.md").read_text(encoding="utf-8"))


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    private = ec.generate_private_key(ec.SECP256R1())
    secret, public = tmp_path / "key.pem", tmp_path / "public.pem"
    secret.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public.write_bytes(
        private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return secret, public


def signed_copy(folder: Path, secret: Path) -> Path:
    copy = folder / "cotton-1"
    shutil.copytree(BASE, copy)
    config = model_signing.signing.Config().use_elliptic_key_signer(private_key=secret)
    hashing = model_signing.hashing.Config().set_ignored_paths(
        paths=[copy / "model.sig"], ignore_git_paths=False
    )
    config.set_hashing_config(hashing).sign(copy, copy / "model.sig")
    return copy


def test_rebuilding_the_base_bundle_gives_the_committed_bytes() -> None:
    built = rebuilt()
    committed = {entry.name: entry.read_bytes() for entry in BASE.iterdir()}
    assert built == committed
    assert hashlib.sha256(built["manifest.json"]).hexdigest() == BASE_MANIFEST_SHA256


@pytest.mark.parametrize(
    "file", ["model.onnx", "judges.onnx", "labels.json", "card.md", "manifest.json"]
)
def test_a_changed_file_is_named(file: str) -> None:
    files = rebuilt()
    files[file] += b" "
    with pytest.raises(BundleCorruptError) as caught:
        opened(files, "code")
    assert caught.value.file == file


def test_a_file_that_the_manifest_does_not_list_is_refused() -> None:
    with pytest.raises(BundleCorruptError, match=r"extra\.onnx"):
        opened({**rebuilt(), "extra.onnx": b""}, "code")


def test_a_missing_file_is_named() -> None:
    files = rebuilt()
    del files["thresholds.json"]
    with pytest.raises(BundleCorruptError, match=r"thresholds\.json: missing"):
        opened(files, "code")


def test_another_bundle_is_not_trusted_as_code() -> None:
    files = rebuilt()
    manifest = json.loads(files["manifest.json"])
    files["manifest.json"] = json.dumps({**manifest, "version": "9"}).encode()
    with pytest.raises(BundleCorruptError, match="digest"):
        opened(files, "code")


def test_a_signed_bundle_opens_with_the_right_key(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    copy = signed_copy(tmp_path, keys[0])
    bundle = OnnxBundleFolders(str(keys[1])).signed(str(copy))
    assert bundle.trusted_by == "signature"
    assert bundle.label == "base@2.1.0"


def test_an_unsigned_bundle_is_refused(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    copy = tmp_path / "plain"
    shutil.copytree(BASE, copy)
    with pytest.raises(BundleUnsignedError):
        OnnxBundleFolders(str(keys[1])).signed(str(copy))


def test_without_a_key_the_error_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(BundleKeyMissingError, match="KYNDOF_INSPECTION__BUNDLE_PUBLIC_KEY"):
        OnnxBundleFolders("").signed(str(BASE))
    with pytest.raises(BundleKeyMissingError, match="does not exist"):
        OnnxBundleFolders(str(tmp_path / "none.pem")).signed(str(BASE))


def test_a_bundle_changed_after_signing_is_refused(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    copy = signed_copy(tmp_path, keys[0])
    (copy / "labels.json").write_text("{}")
    with pytest.raises(BundleSignatureError):
        OnnxBundleFolders(str(keys[1])).signed(str(copy))


def test_a_broken_signature_is_refused(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    copy = signed_copy(tmp_path, keys[0])
    (copy / "model.sig").write_text("{")
    with pytest.raises(BundleSignatureError):
        OnnxBundleFolders(str(keys[1])).signed(str(copy))


def test_a_network_that_does_not_load_is_a_corrupt_bundle() -> None:
    bundle = opened(rebuilt(), "code")
    broken = {**bundle.files, "model.onnx": b"no network"}
    with pytest.raises(BundleCorruptError, match=r"model\.onnx"):
        OnnxDefectDetector(
            type(bundle)(name="x", version="1", digest="0" * 64, trusted_by="code", files=broken),
            threads=1,
        )


def test_the_graph_computes_the_whitened_distance_of_its_own_features() -> None:
    detector = OnnxDefectDetector(opened(rebuilt(), "code"), threads=1)
    generator = np.random.default_rng(3)
    tiles = generator.integers(0, 255, (1, 64, 96, 3), dtype=np.uint8)
    mean = generator.normal(size=24).astype(np.float32)
    whitening = generator.normal(size=(24, 24)).astype(np.float32)
    features = detector.features(tiles)
    assert features.shape == (1, 8, 12, 24)
    distances, logits = detector.judge(features, mean, whitening)
    expected = np.sqrt((((features - mean) @ whitening) ** 2).mean(axis=-1))
    np.testing.assert_allclose(distances, expected, rtol=1e-3)
    assert logits.shape == distances.shape
    assert np.isfinite(logits).all()


def untaught(width: int, answers: int) -> dict[str, np.ndarray]:
    """Weights of a head that nobody trained, in the graph's names."""
    generator = np.random.default_rng(3)
    shapes = {"entry": (width, 25, 1, 1), "answer": (answers, width, 1, 1)}
    for block in range(3):
        shapes |= {f"block{block}_{part}": (width, width, 3, 3) for part in ("first", "second")}
    found = {}
    for name, shape in shapes.items():
        found[f"{name}_w"] = generator.normal(0, 0.05, shape).astype(np.float32)
        found[f"{name}_b"] = np.zeros(shape[0], np.float32)
    return found


def untaught_close(kinds: int) -> dict[str, np.ndarray]:
    """Weights of a close look that nobody trained, in the graph's names."""
    generator = np.random.default_rng(5)
    shapes = {
        "stem0": (4, 3, 5, 5),
        "stem1": (5, 4, 3, 3),
        "stem2": (6, 5, 3, 3),
        "entry": (8, 6 + 24 + 2, 1, 1),
        "near": (8, 8, 3, 3),
        "smaller": (9, 8, 3, 3),
        "block0": (9, 9, 3, 3),
        "block1": (9, 9, 3, 3),
        "words": (7, 27),
        "answer": (kinds, 7),
    }
    found = {}
    for name, shape in shapes.items():
        found[f"{name}_w"] = generator.normal(0, 0.1, shape).astype(np.float32)
        found[f"{name}_b"] = np.zeros(shape[0], np.float32)
    return found


def with_kinds(close: int = 0, **changed: bytes) -> Bundle:
    """A bundle that names kinds, so many of them closely; ``changed`` files replace its own."""
    heads = Heads(
        where=untaught(24, 1),
        what=untaught(32, len(KINDS)),
        confidence_ratio=0.4,
        close=untaught_close(close) if close else None,
        close_confidence_ratio=0.7,
    )
    files = {**bundle_files(heads, "card"), **changed}
    digests = {n: hashlib.sha256(d).hexdigest() for n, d in files.items() if n != "manifest.json"}
    manifest = {"name": "kinds", "version": "1", "files": digests}
    return opened({**files, "manifest.json": json.dumps(manifest).encode()}, "signature")


def test_a_bundle_with_a_network_for_kinds_knows_them() -> None:
    detector = OnnxDefectDetector(with_kinds(), threads=1)
    assert detector.kinds == KINDS
    assert detector.kind_confidence_ratio == 0.4
    features = np.zeros((1, 6, 5, 24), np.float32)
    mean, whitening = np.zeros(24, np.float32), np.eye(24, dtype=np.float32)
    assert detector.kind_logits(features, mean, whitening).shape == (1, 6, 5, len(KINDS))
    assert detector.judge(features, mean, whitening)[1].shape == (1, 6, 5)


def test_a_bundle_with_a_close_look_names_by_it() -> None:
    detector = OnnxDefectDetector(with_kinds(close=len(KINDS)), threads=1)
    assert detector.looks_closely
    assert detector.kind_confidence_ratio == 0.7
    tiles = np.random.default_rng(7).integers(0, 255, (2, 64, 96, 3), dtype=np.uint8)
    departures, found = np.zeros((2, 8, 12, 24), np.float32), np.zeros((2, 8, 12), np.bool_)
    found[:, 3, 4] = True
    kinds = detector.close_look(tiles, departures, found)
    assert kinds.shape == (2, len(KINDS))
    assert np.isfinite(kinds).all()


def test_a_bundle_without_a_close_look_says_so_and_tells_nothing() -> None:
    detector = OnnxDefectDetector(with_kinds(), threads=1)
    assert not detector.looks_closely
    tiles, found = np.zeros((1, 64, 64, 3), np.uint8), np.zeros((1, 8, 8), np.bool_)
    kinds = detector.close_look(tiles, np.zeros((1, 8, 8, 24), np.float32), found)
    assert kinds.shape == (1, 0)


@pytest.mark.parametrize("content", [b"no network", b"kinds.onnx"])
def test_a_close_look_that_does_not_fit_is_a_corrupt_bundle(content: bytes) -> None:
    known = with_kinds().files
    wrong = known["kinds.onnx"] if content == b"kinds.onnx" else content
    thresholds = b'{"kind_confidence_ratio": 0.4, "close_kind_confidence_ratio": 0.7}'
    changed = {"close_kinds.onnx": wrong, "thresholds.json": thresholds}
    with pytest.raises(BundleCorruptError):
        OnnxDefectDetector(with_kinds(**changed), threads=1)


def test_a_close_look_at_other_kinds_or_without_its_confidence_is_a_corrupt_bundle() -> None:
    with pytest.raises(BundleCorruptError):
        OnnxDefectDetector(with_kinds(close=len(KINDS) - 1), threads=1)
    without = {"thresholds.json": b'{"kind_confidence_ratio": 0.4}'}
    with pytest.raises(BundleCorruptError):
        OnnxDefectDetector(with_kinds(close=len(KINDS), **without), threads=1)


def test_a_close_look_is_read_back_as_it_was_written() -> None:
    heads = heads_of(with_kinds(close=len(KINDS)).files)
    assert heads.close is not None
    assert heads.close_confidence_ratio == 0.7
    assert heads.confidence_ratio == 0.4
    written = untaught_close(len(KINDS))
    assert heads.close.keys() == written.keys()
    for name, weight in written.items():
        np.testing.assert_allclose(heads.close[name], weight, rtol=0, atol=1e-6)
    assert heads_of(with_kinds().files).close is None


def test_golden_pictures_hold_a_close_look_where_the_bundle_has_one(tmp_path: Path) -> None:
    tiles = np.random.default_rng(8).integers(0, 255, (FEWEST_TILES, 64, 64, 3), dtype=np.uint8)
    bundles = with_kinds(), with_kinds(close=len(KINDS))
    written = []
    for place, bundle in enumerate(bundles):
        folder = tmp_path / str(place)
        folder.mkdir()
        for name, data in bundle.files.items():
            (folder / name).write_bytes(data)
        written.append(golden_file(folder, tiles))
    without, closely = [OnnxDefectDetector(bundle, threads=1) for bundle in bundles]
    with np.load(io.BytesIO(written[0])) as golden:
        assert "close_kinds" not in golden.files
    with np.load(io.BytesIO(written[1])) as golden:
        kept = {name: golden[name] for name in golden.files}
    assert kept["close_kinds"].shape == (FEWEST_TILES, len(KINDS))
    match_golden(written[0], without)
    match_golden(written[0], closely)
    match_golden(written[1], closely)
    with pytest.raises(SelfTestError):
        match_golden(written[1], without)
    off = io.BytesIO()
    np.savez_compressed(off, **{**kept, "close_kinds": kept["close_kinds"] + 1})
    with pytest.raises(SelfTestError, match="close_kinds"):
        match_golden(off.getvalue(), closely)


def test_a_bundle_without_such_a_network_works_and_knows_none() -> None:
    heads = Heads(where=untaught(24, 1))
    files = bundle_files(heads, "card")
    detector = OnnxDefectDetector(opened(files, "signature"), threads=1)
    assert detector.kinds == ()
    answer = detector.kind_logits(np.zeros((1, 2, 3, 24), np.float32), np.zeros(24), np.eye(24))
    assert answer.shape == (1, 2, 3, 0)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("labels.json", b'{"classes": []}'),
        ("labels.json", b'{"kinds": ["hole"]}'),
        ("thresholds.json", b"{}"),
        ("thresholds.json", b'{"kind_confidence_ratio": 1.5}'),
        ("kinds.onnx", b"no network"),
    ],
)
def test_kinds_that_do_not_fit_are_a_corrupt_bundle(file: str, content: bytes) -> None:
    with pytest.raises(BundleCorruptError):
        OnnxDefectDetector(with_kinds(**{file: content}), threads=1)
