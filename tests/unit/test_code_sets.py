"""Labels of code pictures: texts, BoofCV's corner points, and labels that a picture refutes."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import segno

from edge.infrastructure.qr_readers import ZxingReader, code_picture
from tests.benchmarks.code_sets import found_in, label_of, proven, quads_of

pytestmark = pytest.mark.requirement("SCN")


def test_corner_points_are_read_with_comments_and_several_codes_a_line() -> None:
    rows = "1 1 9 1 9 9 1 9\n20 0 30 0 30 10 20 10 0 0 1 0 1 1 0 1\n"
    text = f"# list of hand selected 2D points\nSETS\n{rows}"
    quads = quads_of(text)
    assert [quad.shape for quad in quads] == [(4, 2)] * 3
    assert quads[0].tolist() == [[1, 1], [9, 1], [9, 9], [1, 9]]
    assert quads_of("SETSUNA") is None
    assert quads_of("any text") is None
    with pytest.raises(ValueError, match="eight numbers"):
        quads_of("SETS\n1 2 3")


def test_a_read_counts_when_its_centre_lies_in_the_quad(tmp_path: Path) -> None:
    page = np.full((700, 900, 3), 255, np.uint8)
    code = code_picture("KY1:P:A:B", 4)
    size = code.shape[0]
    page[40 : 40 + size, 60 : 60 + size] = code
    cv2.imwrite(str(tmp_path / "two.png"), page)
    ends = [60, 40, 60 + size, 40, 60 + size, 40 + size, 60, 40 + size]
    elsewhere = [600, 400, 700, 400, 700, 500, 600, 500]
    rows = "\n".join(" ".join(map(str, quad)) for quad in (ends, elsewhere))
    (tmp_path / "two.txt").write_text(f"# points\nSETS\n{rows}\n")
    labelled = label_of(tmp_path / "two.png")
    codes = ZxingReader().read(page)
    centres = [one.corners().mean(axis=0) for one in codes]
    assert found_in(labelled.quads, centres) == (1, 0)
    assert found_in(labelled.quads[1:], centres) == (0, 1)
    assert found_in(labelled.quads, []) == (0, 0)


def test_a_label_that_the_modules_refute_is_told_from_a_wrong_read() -> None:
    words = "The aerial photography of the monument"
    code = np.array(segno.make_qr(words, error="m").matrix)
    grey = np.kron(np.pad(1 - code, 4, constant_values=1), np.ones((6, 6))).astype(np.uint8) * 255
    picture = np.repeat(grey[..., None], 3, axis=2)
    (read,) = ZxingReader().read(picture)
    assert proven(picture, read.corners(), words, words.replace("photography", "photograph"))
    assert not proven(picture, read.corners(), words.replace("photography", "photo"), words)
