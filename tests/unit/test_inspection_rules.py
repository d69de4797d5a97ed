"""Pure rules of the inspection: limits, verdicts, banks, maps, outlines, edges, rhythm."""

import dataclasses
import itertools
import zlib

import numpy as np
import pytest

from edge.inspection.board import TagBoard
from edge.inspection.errors import StandardError, StyleBankCorruptError, TagBoardError
from edge.inspection.findings import findings_of, polygon_cells, refined
from edge.inspection.frame_checks import frame_problems
from edge.inspection.sampling import brightness, edges, robust_fit
from edge.inspection.standard import DefectStandard, PointOfMeasure, StitchStandard
from edge.inspection.stitches import ALONG_MM, rhythm_of
from edge.inspection.style_bank import MAX_BYTES, ScaleStatistics, StyleBank
from edge.inspection.texture import small_map, windows
from edge.inspection.verdict import Finding, Measurement, guarded, step_verdict
from tests.fakes.standards import point, seam


@pytest.mark.requirement("MEA")
@pytest.mark.parametrize(
    ("deviation", "uncertainty", "outcome"),
    [
        (0.0, 0.5, "PASS"),
        (1.5, 0.5, "PASS"),
        (1.6, 0.5, "REVIEW"),
        (2.5, 0.5, "REVIEW"),
        (2.6, 0.5, "FAIL"),
        (-0.6, 0.5, "REVIEW"),
        (-1.6, 0.5, "FAIL"),
        (0.5, 5.0, "REVIEW"),
    ],
)
def test_guard_bands_lie_on_both_sides_of_each_limit(
    deviation: float, uncertainty: float, outcome: str
) -> None:
    assert guarded(deviation, uncertainty, -1.0, 2.0) == outcome


def reading(outcome: str, severity: str = "major") -> Measurement:
    return Measurement(
        name="length",
        nominal_mm=500,
        lower_mm=-3,
        upper_mm=3,
        outcome=outcome,
        severity=severity,
    )


def flaw(severity: str | None) -> Finding:
    return Finding(
        defect_class="unknown_anomaly", score=9, polygon_px=(), area_px=1, severity=severity
    )


@pytest.mark.parametrize(
    ("readings", "flaws", "verdict"),
    [
        ([], [], "PASS"),
        (["PASS"], ["minor"], "PASS"),
        (["REVIEW"], [], "REVIEW"),
        (["CANNOT_MEASURE"], [], "REVIEW"),
        (["FAIL", "REVIEW"], [], "FAIL"),
        (["PASS"], ["major"], "FAIL"),
        (["PASS"], ["critical"], "FAIL"),
        (["PASS"], [None], "REVIEW"),
    ],
)
def test_a_step_fails_by_any_failure_and_doubts_by_any_doubt(
    readings: list[str], flaws: list[str | None], verdict: str
) -> None:
    measured = [reading(outcome) for outcome in readings]
    assert step_verdict(measured, [], [flaw(s) for s in flaws]) == verdict


def test_a_minor_measure_outside_its_limits_passes_with_a_remark() -> None:
    assert step_verdict([reading("FAIL", "minor")], [], []) == "PASS"


def test_a_reason_alone_asks_a_person() -> None:
    assert step_verdict([], [], [], ["style_not_taught"]) == "REVIEW"
    assert step_verdict([reading("FAIL", "major")], [], [], ["style_not_taught"]) == "FAIL"
    for reason in ("garment_differs", "gauge_off"):
        assert step_verdict([reading("FAIL", "major")], [], [], [reason]) == "REVIEW"


def test_a_flaw_between_the_limits_has_no_severity_of_its_own() -> None:
    limits = DefectStandard(minor_below_mm2=5, major_from_mm2=15)
    assert [limits.severity(a) for a in (4.9, 5.0, 14.9, 15.0)] == ["minor", None, None, "major"]


def test_limits_that_no_piece_can_keep_are_refused() -> None:
    with pytest.raises(StandardError):
        DefectStandard(minor_below_mm2=9, major_from_mm2=5)
    with pytest.raises(StandardError):
        point(PointOfMeasure, lower_mm=1, upper_mm=2)
    with pytest.raises(StandardError):
        seam(StitchStandard, inset_mm=0)


def test_a_board_of_three_tags_spans_nothing() -> None:
    with pytest.raises(TagBoardError):
        TagBoard(name="t", dictionary="DICT_4X4_50", side_mm=50, tags={0: (0, 0), 1: (1, 0)})


def bank() -> StyleBank:
    generator = np.random.default_rng(1)
    square = generator.normal(size=(24, 24)).astype(np.float32)
    scales = tuple(
        ScaleStatistics(
            factor=factor,
            mean=generator.normal(size=24).astype(np.float32),
            whitening=square + square.T,
            bank_centre_score=0.5,
            bank_spread_score=0.25,
            head_centre_score=-4.0,
            head_spread_score=1.5,
            limit_score=7.0,
        )
        for factor in (1, 2, 4)
    )
    return StyleBank(
        style="데모-panel",
        bundle_digest="ab" * 32,
        piece_count=20,
        overkill_ratio=0.02,
        mm_per_px=0.275,
        scales=scales,
    )


def test_a_style_bank_comes_back_whole_and_stays_small() -> None:
    written = bank().to_bytes()
    read = StyleBank.from_bytes(written)
    assert len(written) <= MAX_BYTES
    assert read.to_bytes() == written
    assert (read.style, read.piece_count, read.threshold_score) == ("데모-panel", 20, 7.0)
    np.testing.assert_array_equal(read.scales[2].whitening, bank().scales[2].whitening)


def test_a_style_bank_carries_a_judge_of_its_own() -> None:
    judge = bytes(range(256)) * 800
    own = dataclasses.replace(bank(), judge=judge)
    assert StyleBank.from_bytes(own.to_bytes()).judge == judge
    huge = dataclasses.replace(own, judge=judge * 6)
    with pytest.raises(StyleBankCorruptError):
        StyleBank.from_bytes(huge.to_bytes())


@pytest.mark.parametrize("damage", ["empty", "cut", "changed", "version", "foreign", "nan", "long"])
def test_a_damaged_style_bank_is_refused(damage: str) -> None:
    data = bytearray(bank().to_bytes())
    if damage == "empty":
        data = bytearray()
    elif damage == "cut":
        data = data[:-7]
    elif damage == "changed":
        data[500] ^= 1
    elif damage == "version":
        data[4] = 9
    elif damage == "foreign":
        data[:4] = b"PK\x03\x04"
    elif damage == "nan":
        broken = dataclasses.replace(bank().scales[0], head_spread_score=float("nan"))
        data = bytearray(dataclasses.replace(bank(), scales=(broken,)).to_bytes())
    else:
        data += b"more"
        data[24:28] = zlib.crc32(bytes(data[28:])).to_bytes(4, "little")
    with pytest.raises(StyleBankCorruptError):
        StyleBank.from_bytes(bytes(data))


@pytest.mark.parametrize("shape", [(10, 7), (64, 64), (65, 64), (200, 130)])
def test_tiles_cover_every_cell_exactly_once(shape: tuple[int, int]) -> None:
    covered = np.zeros(shape, dtype=int)
    for window in windows(np.ones(shape, dtype=bool)):
        covered[window.core] += 1
        rows, columns = window.core
        assert window.row <= rows.start
        assert rows.stop <= window.row + 64
        assert window.column <= columns.start
        assert columns.stop <= window.column + 64
    assert (covered == 1).all()


def test_no_tile_is_read_where_nothing_is_judged() -> None:
    assert windows(np.zeros((90, 90), dtype=bool)) == []


def test_a_small_map_is_at_most_128_wide_and_keeps_its_peak() -> None:
    scores = np.full((375, 500), -1e9, dtype=np.float32)
    scores[200, 301] = 14.0
    small = small_map(scores, threshold_score=7.0)
    assert small.shape[1] <= 128
    assert small.max() == 255
    assert small_map(scores / 2, 7.0).max() == 128


def test_each_place_above_the_threshold_is_outlined_once() -> None:
    scores = np.zeros((20, 30), dtype=np.float32)
    scores[2:4, 3:6] = 5
    scores[4, 6] = 6  # touches by a corner only
    scores[10, 20] = 9
    found = findings_of(scores, 4.0)
    assert [f.score for f in found] == [9, 6]
    assert found[0].polygon_px == (
        (159.5, 79.5),
        (167.5, 79.5),
        (167.5, 87.5),
        (159.5, 87.5),
    )
    assert found[1].area_px == 7 * 64
    x, y = np.array(found[1].polygon_px).T
    area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    assert area == 7 * 64


def test_polygons_mark_the_cells_that_they_touch() -> None:
    square = np.array([[80.0, 40.0], [120.0, 40.0], [120.0, 80.0], [80.0, 80.0]])
    marked = polygon_cells([square, square[::-1]], (20, 30))
    assert marked[5:10, 10:15].all()
    assert not marked[:3].any()
    assert not marked[:, 18:].any()


def picture(sigma: float = 0.7) -> np.ndarray:
    """A bright square on dark ground, its edges blurred by ``sigma`` px."""
    from scipy.ndimage import gaussian_filter  # noqa: PLC0415 - only this picture needs it

    plain = np.full((300, 400), 40.0)
    plain[100:200, 120:280] = 200
    noisy = gaussian_filter(plain, sigma) + np.random.default_rng(0).normal(0, 1, plain.shape)
    return np.repeat(np.clip(noisy, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.requirement("CAP")
@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (np.zeros((300, 400, 3), dtype=np.uint8), ("frame_black",)),
        (np.full((300, 400, 3), 90, dtype=np.uint8), ("frame_blank",)),
        (np.full((300, 400, 3), 255, dtype=np.uint8), ("frame_overexposed",)),
        (np.zeros((20, 400, 3), dtype=np.uint8), ("frame_size_wrong",)),
        (np.zeros((300, 400), dtype=np.uint8), ("frame_format_wrong",)),
        (picture(5.0), ("frame_blurred",)),
        (picture(0.7), ()),
    ],
)
def test_a_frame_that_cannot_be_judged_says_why(
    frame: np.ndarray, problem: tuple[str, ...]
) -> None:
    assert frame_problems(frame) == problem


def test_brightness_between_pixels_is_interpolated() -> None:
    frame = np.zeros((4, 4, 3), dtype=np.uint8)
    frame[:, 2:] = 255
    got = brightness(frame, np.array([1.0, 1.25, 1.5, 2.0]), np.full(4, 1.5))
    np.testing.assert_allclose(got, [0, 0.25, 0.5, 1], atol=1e-6)


def test_an_edge_is_found_to_a_twentieth_of_a_pixel() -> None:
    columns = np.arange(60)
    place = 30.3
    step = 1 / (1 + np.exp(-(columns - place) / 0.5))
    frame = np.repeat(
        np.tile(40 + 150 * step, (40, 1)).round().astype(np.uint8)[..., None], 3, axis=2
    )
    rows = np.linspace(5, 35, 20)
    places = np.column_stack([np.full(20, 31.0), rows])
    found = edges(frame, places, np.tile([1.0, 0.0], (20, 1)), 6.0)
    np.testing.assert_allclose(found.offsets_px, place - 31.0, atol=0.05)


def test_a_line_fit_leaves_out_what_does_not_agree() -> None:
    t = np.linspace(0, 1, 40)
    values = 2 + 3 * t
    values[5], values[20], values[33] = 40, -30, np.nan
    fit = robust_fit(t, values, 1)
    assert fit is not None
    np.testing.assert_allclose(fit.coefficients, [2, 3], atol=1e-6)
    assert robust_fit(t, np.full(40, np.nan), 1) is None


def strip(
    pitch_mm: float,
    contrast: float,
    missing: tuple[int, ...] = (),
    jitter_mm: float = 0.0,
    margin_mm: float = 0.0,
):
    """A strip of stitches as the unroller gives it, with cloth noise, bare so far at both ends."""
    generator = np.random.default_rng(4)
    along = np.arange(2800) * ALONG_MM
    holes = np.arange(margin_mm, along[-1] - margin_mm, pitch_mm)
    holes = holes + generator.normal(0, jitter_mm, len(holes)) if jitter_mm else holes
    line = np.zeros_like(along)
    for index, (start, stop) in enumerate(itertools.pairwise(holes)):
        if index not in missing:
            line[(along > start + 0.2) & (along < stop - 0.2)] = contrast
    for hole in holes:
        line -= 0.15 * np.exp(-0.5 * ((along - hole) / 0.2) ** 2)
    across = (np.arange(25) - 12) * 0.25
    strip = 0.45 + line * np.exp(-0.5 * (across[:, None] / 0.3) ** 2)
    return strip + generator.normal(0, 0.01, strip.shape)


@pytest.mark.requirement("MEA")
@pytest.mark.parametrize("pitch_mm", [2.1, 2.73, 3.0, 3.9])
def test_stitch_pitch_is_right_to_ten_micrometres(pitch_mm: float) -> None:
    rhythm = rhythm_of(strip(pitch_mm, 0.12), 3.0 if pitch_mm > 2.5 else 2.2)
    assert rhythm is not None
    assert abs(rhythm.pitch_mm - pitch_mm) < 0.01
    assert rhythm.skipped_count == 0
    assert rhythm.cv_ratio < 0.03


def test_skipped_stitches_are_counted() -> None:
    rhythm = rhythm_of(strip(3.0, 0.2, missing=(20, 21, 60)), 3.0)
    assert rhythm is not None
    assert rhythm.skipped_count == 3


@pytest.mark.parametrize("margin_mm", [4.0, 6.0, 7.5])
@pytest.mark.parametrize(
    ("missing", "count"), [((), 0), ((1,), 1), ((2,), 1), ((1, 2), 2), ((3, 60), 2), ((-2,), 1)]
)
def test_a_stitch_skipped_beside_the_first_or_last_is_counted(
    missing: tuple[int, ...], count: int, margin_mm: float
) -> None:
    stitches = len(np.arange(margin_mm, 2799 * ALONG_MM - margin_mm, 3.0)) - 1
    gone = tuple(number % stitches for number in missing)
    seam = strip(3.0, 0.2, missing=gone, margin_mm=margin_mm)
    rhythm = rhythm_of(seam, 3.0, round(8 / ALONG_MM))
    assert rhythm is not None
    assert rhythm.skipped_count == count


def test_a_seam_that_begins_a_stitch_later_skips_none() -> None:
    seam = strip(3.0, 0.2, missing=(0,), margin_mm=6.0)
    rhythm = rhythm_of(seam, 3.0, round(8 / ALONG_MM))
    assert rhythm is not None
    assert rhythm.skipped_count == 0


def test_uneven_stitches_show_in_the_coefficient_of_variation() -> None:
    rhythm = rhythm_of(strip(3.0, 0.2, jitter_mm=0.25), 3.0)
    assert rhythm is not None
    assert 0.08 < rhythm.cv_ratio < 0.16  # sqrt(2) * 0.25 / 3 = 0.118


def test_a_slower_rhythm_of_the_cloth_is_no_zigzag_of_twice_the_pitch() -> None:
    along = np.arange(2800) * ALONG_MM
    seam = strip(2.47, 0.12) + 0.006 * np.sin(2 * np.pi * along / 5.045)
    rhythm = rhythm_of(seam, 3.0)
    assert rhythm is not None
    assert abs(rhythm.pitch_mm - 2.47) < 0.01


def test_cloth_without_a_seam_has_no_rhythm() -> None:
    noise = np.random.default_rng(5).normal(0.45, 0.02, (25, 2800))
    assert rhythm_of(noise, 3.0) is None


def test_where_thread_is_no_brighter_than_cloth_skips_are_not_claimed() -> None:
    rhythm = rhythm_of(strip(3.0, -0.02), 3.0)
    assert rhythm is None or rhythm.skipped_count is None


@pytest.mark.requirement("DEF")
@pytest.mark.parametrize("cell", [8, 32], ids=["within the flaw", "round the flaw"])
def test_a_flaw_has_its_own_area_and_outline_not_those_of_its_cells(cell: int) -> None:
    noise = np.random.default_rng(4).normal(90, 4, (256, 256, 3))
    rows, columns = np.mgrid[:256, :256]
    hole = np.hypot(rows - 131, columns - 127) <= 10
    noise[hole] -= 60
    frame = np.clip(noise, 0, 255).astype(np.uint8)
    scores = np.zeros((32, 32), dtype=np.float32)
    block = cell // 8
    first = 16 // block * block
    scores[first : first + block, first - 1 : first - 1 + block] = 9
    (found,) = findings_of(scores, 5.0)
    better = refined(frame, found)
    assert better.area_px == pytest.approx(hole.sum(), rel=0.1)
    x, y = np.array(better.polygon_px).T
    assert (x.min(), x.max()) == pytest.approx((117, 137), abs=3)
    assert (y.min(), y.max()) == pytest.approx((121, 141), abs=3)
    assert better.score == found.score


def test_a_flaw_that_only_the_weave_shows_keeps_the_area_of_its_cells() -> None:
    frame = np.random.default_rng(4).integers(80, 100, (256, 256, 3), dtype=np.uint8)
    scores = np.zeros((32, 32), dtype=np.float32)
    scores[10:12, 10:14] = 9
    (found,) = findings_of(scores, 5.0)
    assert refined(frame, found) == found
    assert refined(frame, found, np.zeros((32, 32), dtype=bool)) == found
