"""Pictures that no verdict may rest on: each is refused with its reason, none breaks anything."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.composition import compose_inspection
from edge.infrastructure.opencv_pictures import OpenCvPictureFiles, decoded
from edge.inspection.errors import PictureUnreadableError
from edge.inspection.frame_checks import frame_problems
from edge.inspection.standard import (
    DefectStandard,
    InspectionStandard,
    PointOfMeasure,
    StitchStandard,
)
from edge.settings import EdgeSettings

pytestmark = pytest.mark.requirement("DEF", "MEA", "VER")

POINT = PointOfMeasure(
    name="width",
    axis="width",
    at_ratio=0.5,
    nominal_mm=300,
    lower_mm=-3,
    upper_mm=3,
    severity="major",
    thickness_mm=1.0,
)
SEAM = StitchStandard(
    seam="hem",
    side="bottom",
    inset_mm=10,
    pitch_mm=3,
    lower_mm=-0.3,
    upper_mm=0.3,
    max_cv_ratio=0.1,
    max_skipped_count=0,
    severity="major",
)
STANDARD = InspectionStandard(
    style="coat",
    spec_version="1",
    points=(POINT,),
    stitches=(SEAM,),
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


def test_a_picture_of_more_than_a_hundred_megapixels_is_refused(tmp_path: Path) -> None:
    tall = np.zeros((101_000, 1_000), np.uint8)
    path = tmp_path / "huge.png"
    cv2.imwrite(str(path), tall)
    with pytest.raises(PictureUnreadableError, match="100 megapixels"):
        OpenCvPictureFiles().read(str(path))
