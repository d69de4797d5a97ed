"""Pictures that no verdict may rest on: each is refused with its reason, none breaks anything."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.capture.ports import Frame
from edge.composition import compose_inspection
from edge.infrastructure.frame_pictures import decode_shot
from edge.infrastructure.opencv_pictures import OpenCvPictureFiles, decoded
from edge.infrastructure.picture_headers import stated_size
from edge.inspection.errors import PictureUnreadableError
from edge.inspection.frame_checks import frame_problems
from edge.inspection.standard import (
    DefectStandard,
    InspectionStandard,
    PointOfMeasure,
    StitchStandard,
)
from edge.settings import EdgeSettings
from edge.station.errors import FrameTooLargeError
from tests.fakes.standards import point, seam

pytestmark = pytest.mark.requirement("DEF", "MEA", "VER")

STANDARD = InspectionStandard(
    style="coat",
    spec_version="1",
    points=(point(PointOfMeasure),),
    stitches=(seam(StitchStandard),),
    defects=DefectStandard(minor_below_mm2=2, major_from_mm2=6),
    checks=frozenset({"defects", "measure", "stitches"}),
)


def scene() -> np.ndarray:
    """A picture with edges and grain: (300, 400, 3) uint8."""
    lot = np.random.default_rng(4)
    base = np.full((300, 400, 3), 60.0)
    base[60:240, 90:310] = (150, 120, 90)
    return np.clip(base + lot.normal(0, 4, base.shape), 0, 255).astype(np.uint8)


BAD = {
    "overexposed": (np.clip(scene().astype(int) * 6, 0, 255).astype(np.uint8), "frame_overexposed"),
    "white": (np.full((300, 400, 3), 255, np.uint8), "frame_overexposed"),
    "black": (np.zeros((300, 400, 3), np.uint8), "frame_black"),
    "blurred": (cv2.GaussianBlur(scene(), (0, 0), 7), "frame_blurred"),
    "grey": (scene()[..., 0], "frame_format_wrong"),
    "alpha": (np.dstack([scene(), scene()[..., :1]]), "frame_format_wrong"),
    "16 bit": (scene().astype(np.uint16) * 257, "frame_format_wrong"),
    "tiny": (scene()[:40, :40], "frame_size_wrong"),
}


@pytest.fixture(scope="module")
def pipeline():
    return compose_inspection(EdgeSettings())


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_picture_is_refused_with_its_reason(pipeline, kind: str) -> None:
    frame, reason = BAD[kind]
    assert frame_problems(frame) == (reason,)
    result = pipeline.inspect(frame, STANDARD)
    assert (result.verdict, result.reasons) == ("REVIEW", (reason,))
    assert [m.reason for m in result.measurements] == [reason]
    assert [s.reason for s in result.stitches] == [reason]
    assert result.findings == ()


def test_a_sound_picture_is_not_refused() -> None:
    assert frame_problems(scene()) == ()


def test_files_of_any_depth_become_the_same_picture_and_damaged_ones_are_told(
    tmp_path: Path,
) -> None:
    files, frame = OpenCvPictureFiles(), scene()
    bgr = frame[..., ::-1]
    kinds = {
        "plain": bgr,
        "deep": bgr.astype(np.uint16) * 257,
        "alpha": np.dstack([bgr, np.full((300, 400), 255, np.uint8)]),
    }
    for name, picture in kinds.items():
        path = tmp_path / f"{name}.png"
        cv2.imwrite(str(path), picture)
        assert np.array_equal(files.read(str(path)), frame), name
    cv2.imwrite(str(tmp_path / "grey.png"), frame[..., 0])
    assert files.read(str(tmp_path / "grey.png")).shape == (300, 400, 3)
    whole = (tmp_path / "plain.png").read_bytes()
    for content, words in (
        (whole[: len(whole) // 3], None),
        (b"not a picture at all", "not a picture"),
        (b"", "empty"),
    ):
        with pytest.raises(PictureUnreadableError, match=words):
            decoded(content, "sent.png")


KINDS = (".png", ".jpg", ".bmp", ".webp", ".tiff")


@pytest.mark.parametrize("kind", KINDS)
def test_the_header_states_the_size_that_decoding_gives(kind: str) -> None:
    picture = np.ascontiguousarray(scene()[:90, :130])
    encoded = cv2.imencode(kind, picture)[1].tobytes()
    assert stated_size(encoded) == (90, 130) == decoded(encoded, "a").shape[:2]
    lossless = [cv2.IMWRITE_WEBP_QUALITY, 101] if kind == ".webp" else []
    assert stated_size(cv2.imencode(kind, picture, lossless)[1].tobytes()) == (90, 130)
    for length in range(len(encoded[:64])):
        assert stated_size(encoded[:length]) in {None, (90, 130)}


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xff\xff", b"no picture", b"II*\0"]
)
def test_a_header_that_states_nothing_gives_nothing(data: bytes) -> None:
    assert stated_size(data) is None


@pytest.mark.parametrize("kind", KINDS[:3])
def test_a_picture_of_more_than_fifty_megapixels_is_refused_before_it_is_decoded(
    tmp_path: Path, kind: str
) -> None:
    """Only the header says so many: whoever decoded it would find it cut off, not too large."""
    small = cv2.imencode(kind, np.zeros((9, 7), np.uint8))[1].tobytes()
    sides = {".png": ">II", ".jpg": ">HH", ".bmp": "<ii"}[kind]
    order = (9, 7) if kind == ".jpg" else (7, 9)
    assert small.count(struct.pack(sides, *order)) == 1
    path = tmp_path / f"huge{kind}"
    huge = small.replace(struct.pack(sides, *order), struct.pack(sides, 10_001, 10_000))
    if kind == ".png":
        huge = huge[:29] + struct.pack(">I", zlib.crc32(huge[12:29])) + huge[33:]
    path.write_bytes(huge)
    with pytest.raises(PictureUnreadableError, match="50 megapixels"):
        OpenCvPictureFiles().read(str(path))
    with pytest.raises(FrameTooLargeError):
        decode_shot(Frame(sequence=1, seen_ns=0, encoded=path.read_bytes()))


def test_what_states_no_size_that_we_read_is_not_decoded_at_all() -> None:
    """OpenCV would unfold it first: nobody would have asked how large it is."""
    unknown = cv2.imencode(".hdr", scene().astype(np.float32))[1].tobytes()
    assert cv2.imdecode(np.frombuffer(unknown, np.uint8), cv2.IMREAD_COLOR) is not None
    with pytest.raises(PictureUnreadableError, match="not a picture"):
        decoded(unknown, "sent.hdr")
