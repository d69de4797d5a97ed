"""What rendered scenes show: light, noise, faults, stitches, and that seeds decide all of it."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from cloud.infrastructure.training.rendering.camera import Camera, Placement
from cloud.infrastructure.training.rendering.defects import (
    CLOTH_DEFECTS,
    Defect,
    DefectClass,
    draw_defect,
)
from cloud.infrastructure.training.rendering.demo_style import DEMO_STYLE
from cloud.infrastructure.training.rendering.errors import ImpossibleSceneError
from cloud.infrastructure.training.rendering.fabric import FABRICS, fabric_tile
from cloud.infrastructure.training.rendering.laying import Garment
from cloud.infrastructure.training.rendering.markers import Label
from cloud.infrastructure.training.rendering.scene import SceneSpec, render_scene
from cloud.infrastructure.training.rendering.seam import Seam, sew
from cloud.infrastructure.training.rendering.sensor import Light, Sensor, light_field
from cloud.infrastructure.training.rendering.tile import TileSpec, render_tile
from tests.simulators.scenes import (
    KINDS,
    Request,
    SceneKind,
    draw,
    encode_frame,
    rename_in,
    save_frame,
    station_camera,
)

QUIET = Sensor(noise_count=0.0)
SMALL = station_camera(640, 480)


def test_the_same_seed_gives_the_same_picture_and_another_seed_another() -> None:
    request = Request(kind="stain", camera=SMALL)
    first, _ = draw(request, np.random.default_rng(11))
    again, _ = draw(request, np.random.default_rng(11))
    other, _ = draw(request, np.random.default_rng(12))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_scene_is_drawn(kind: SceneKind) -> None:
    picture, truth = draw(Request(kind=kind, camera=SMALL), np.random.default_rng(13))
    assert picture.shape == (480, 640, 3)
    assert picture.dtype == np.uint8
    assert (truth.garment_pose is None) == (kind in {"empty", "label"})
    assert (truth.label_text is None) == (kind == "empty")
    assert bool(truth.seams) == (kind not in {"empty", "label", "cut"})
    stitch_faults = {"uneven": {"uneven_stitch"}, "skipped": {"skipped_stitch"}}
    faults = {kind} if kind in CLOTH_DEFECTS else stitch_faults.get(kind, set())
    assert {defect.kind for defect in truth.defects} == faults
    assert set(truth.tag_corners_px) == ({0, 2} if kind == "tags_hidden" else {0, 1, 2, 3})
    assert (picture.mean() < 5) == (kind == "black")


def test_noise_has_the_spread_that_the_sensor_states() -> None:
    spec = SceneSpec(camera=SMALL, tags=None, sensor=Sensor(noise_count=3.0))
    noisy, _ = render_scene(spec, np.random.default_rng(14))
    clean, _ = render_scene(
        replace(spec, sensor=Sensor(noise_count=0.0)), np.random.default_rng(14)
    )
    noise = noisy.astype(float) - clean
    assert noise.std() == pytest.approx(np.sqrt(9 + 1 / 12), rel=0.02)
    assert abs(noise.mean()) < 0.02


def test_light_falls_off_into_the_corners_and_along_its_gradient() -> None:
    field = light_field(Light(gradient_ratio=0.0, vignette_ratio=0.2, warmth_ratio=0.0), 300, 400)
    assert field[150, 200] == pytest.approx(1.0, abs=0.002)
    assert field[0, 0] == pytest.approx(0.8, abs=0.01)
    slope = light_field(Light(gradient_ratio=0.1, gradient_deg=0.0, vignette_ratio=0.0), 300, 400)
    assert slope[:, -1].mean() - slope[:, 0].mean() == pytest.approx(0.1, abs=0.003)


def test_warm_light_is_redder_than_cold() -> None:
    reds = []
    for warmth in (0.08, -0.08):
        spec = SceneSpec(camera=SMALL, light=Light(warmth_ratio=warmth))
        picture, _ = render_scene(spec, np.random.default_rng(15))
        mean = picture[80:140, 30:70].reshape(-1, 3).mean(axis=0)
        reds.append(mean[0] / mean[2])
    assert reds[0] / reds[1] == pytest.approx(1.08**2 / 0.92**2, rel=0.03)


@pytest.mark.requirement("DEF")
@pytest.mark.parametrize("kind", CLOTH_DEFECTS)
def test_a_faults_polygon_encloses_the_area_that_the_truth_states(kind: DefectClass) -> None:
    defect = Defect(kind=kind, x_mm=12.0, y_mm=-30.0, size_mm=24.0, turn_deg=20.0)
    drawn = draw_defect(defect, np.array([0.5, 0.5, 0.5]), np.zeros(3), np.random.default_rng(16))
    polygon = drawn.outline_mm.astype(np.float32)
    # The contour runs through the centres of the outermost texels of 0.1 mm: half a texel inside.
    border_mm2 = cv2.arcLength(polygon, True) * 0.05
    assert cv2.contourArea(polygon) + border_mm2 == pytest.approx(drawn.area_mm2, rel=0.12)
    assert np.abs(polygon.mean(axis=0) - [12.0, -30.0]).max() < 8.0


@pytest.mark.requirement("DEF")
def test_a_hole_shows_the_table_exactly_where_the_truth_says() -> None:
    camera = Camera(crop=(1900, 1000, 600, 600))
    garment = Garment(
        panel=DEMO_STYLE.panel,
        fabric=FABRICS["ivory-plain"],
        pose=Placement(x_mm=550.0, y_mm=412.5, turn_deg=3.0),
        defects=(Defect(kind="hole", x_mm=60.0, y_mm=-50.0, size_mm=14.0),),
    )
    spec = SceneSpec(camera=camera, garment=garment, sensor=Sensor(noise_count=0.5))
    picture, truth = render_scene(spec, np.random.default_rng(17))
    hole = truth.defects[0]
    left, top = np.floor(hole.polygon_px.min(axis=0)).astype(int) - 20
    right, bottom = np.ceil(hole.polygon_px.max(axis=0)).astype(int) + 20
    dark = picture[top:bottom, left:right].mean(axis=2) < 0.5 * 255 * (0.78 + 0.14)
    assert dark.sum() / camera.px_per_mm**2 == pytest.approx(hole.area_mm2, rel=0.06)
    middle = np.argwhere(dark).mean(axis=0)[::-1] + np.array([left, top])
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(hole.polygon_px).astype(np.int32)], 1)
    assert np.abs(np.argwhere(mask).mean(axis=0)[::-1] - middle).max() < 0.7


@pytest.mark.requirement("DEF")
@pytest.mark.parametrize("kind", CLOTH_DEFECTS)
def test_a_tiles_fault_changes_the_picture_inside_its_mask(kind: DefectClass) -> None:
    clean = TileSpec(fabric=FABRICS["blue-twill"], size_px=256, turn_deg=7.0, sensor=QUIET)
    fault = Defect(kind=kind, x_mm=3.0, y_mm=-4.0, size_mm=26.0)
    good, good_truth = render_tile(clean, np.random.default_rng(22))
    bad, truth = render_tile(replace(clean, defects=(fault,)), np.random.default_rng(22))
    change = np.abs(bad.astype(float) - good).max(axis=2)
    near = cv2.dilate(truth.mask, np.ones((25, 25), np.uint8)) > 0
    assert not good_truth.mask.any()
    assert good_truth.defects == ()
    assert change[truth.mask == 1].mean() > 8
    assert change[~near].max() <= 1
    assert (truth.mask == 1).sum() * 0.275**2 == pytest.approx(truth.defects[0].area_mm2, rel=0.45)


def test_faults_of_a_seam_are_not_laid_on_the_cloth() -> None:
    defect = Defect(kind="skipped_stitch", x_mm=0.0, y_mm=0.0)
    with pytest.raises(ImpossibleSceneError, match="drawn by its seam"):
        draw_defect(defect, np.ones(3), np.zeros(3), np.random.default_rng(1))


@pytest.mark.requirement("MEA")
def test_stitches_are_as_even_as_asked() -> None:
    panel = DEMO_STYLE.panel
    even = sew(panel, Seam(pitch_mm=2.5, jitter_mm=0.0), np.random.default_rng(18))
    assert even.pitch_mm == pytest.approx(2.5)
    assert even.cv_ratio == pytest.approx(0.0, abs=1e-9)
    uneven = sew(panel, Seam(pitch_mm=3.0, jitter_mm=0.3), np.random.default_rng(18))
    assert uneven.cv_ratio == pytest.approx(np.sqrt(2) * 0.3 / 3.0, rel=0.2)
    skipping = sew(panel, Seam(skipped=(4, 9, 9)), np.random.default_rng(18))
    assert skipping.skipped_count == 2
    assert not skipping.present[4]


@pytest.mark.requirement("MEA")
@pytest.mark.parametrize(("pitch_mm", "contrast_ratio"), [(2.0, 0.3), (3.0, 0.12), (4.0, 0.06)])
def test_stitches_repeat_in_the_picture_at_the_true_pitch(
    pitch_mm: float, contrast_ratio: float
) -> None:
    seam = replace(DEMO_STYLE.seam, pitch_mm=pitch_mm, contrast_ratio=contrast_ratio)
    pose = Placement(x_mm=550.0, y_mm=412.5)
    garment = Garment(panel=DEMO_STYLE.panel, fabric=FABRICS["grey-knit"], pose=pose, seams=(seam,))
    camera = Camera(crop=(1250, 2250, 1500, 150))
    spec = SceneSpec(camera=camera, tags=None, garment=garment)
    picture, truth = render_scene(spec, np.random.default_rng(19))
    seam_px = truth.seams[0].marks_px
    row = round(seam_px[:, 1].mean())
    first, last = np.round(seam_px[[2, -3], 0]).astype(int)
    grey = picture[row - 1 : row + 2, first:last].mean(axis=(0, 2))
    cycles = np.arange(0.6, 1.5, 0.0005) * 275 / 1000 / pitch_mm
    waves = np.exp(-2j * np.pi * np.outer(cycles, np.arange(len(grey))))
    window = np.hanning(len(grey))
    strongest = cycles[np.argmax(np.abs(waves @ ((grey - grey.mean()) * window)))]
    height_scale = 1 - FABRICS["grey-knit"].thickness_mm / 2 / 1160
    assert 0.275 * height_scale / strongest == pytest.approx(truth.seams[0].pitch_mm, abs=0.02)


@pytest.mark.requirement("MEA")
def test_marks_are_brighter_where_stitches_are_and_absent_where_skipped() -> None:
    camera = replace(station_camera(), crop=(1200, 2150, 1600, 400))
    picture, truth = draw(Request(kind="skipped", camera=camera), np.random.default_rng(20))
    seam = truth.seams[0]
    grey = picture.astype(np.float32).mean(axis=2)
    x, y = np.hsplit(seam.marks_px.astype(np.float32), 2)
    shade = cv2.remap(cv2.GaussianBlur(grey, (0, 0), 1), x, y, cv2.INTER_LINEAR)[:, 0]
    present = np.array(seam.present)
    assert shade[present].min() > shade[~present].max() + 10
    assert (~present).sum() == seam.skipped_count == 4
    polygons = [defect.polygon_px.mean(axis=0) for defect in truth.defects]
    assert np.abs(np.array(polygons) - seam.marks_px[~present]).max() < 0.01


def test_a_reworked_panel_is_good_at_the_corrected_pitch_and_length() -> None:
    request = Request(kind="good", pitch_mm=2.5, length_offset_mm=-3.0, camera=SMALL)
    _, truth = draw(request, np.random.default_rng(23))
    assert truth.seams[0].pitch_mm == pytest.approx(2.5, abs=0.01)
    assert truth.measures[0].value_mm == pytest.approx(497.0)
    assert truth.defects == ()


@pytest.mark.parametrize("name", FABRICS)
def test_a_cloths_texture_continues_over_its_own_border(name: str) -> None:
    shade = fabric_tile(FABRICS[name], 3, 0.275).shade
    assert shade.mean() == pytest.approx(1.0, abs=1e-4)
    assert 0.005 < shade.std() < 0.25
    within = np.abs(np.diff(shade, axis=1)).mean()
    across = np.abs(shade[:, 0] - shade[:, -1]).mean()
    assert across < 2.0 * within


def test_frames_are_renamed_into_their_folder_whole(tmp_path: Path) -> None:
    picture, _ = draw(Request(camera=station_camera(400, 300)), np.random.default_rng(21))
    for suffix, limit in ((".png", 0.0), (".jpg", 4.0)):
        place = save_frame(tmp_path / "frames", picture, 7, suffix=suffix)
        assert place.name == f"00000007{suffix}"
        read = cv2.cvtColor(cv2.imread(str(place)), cv2.COLOR_BGR2RGB)
        assert np.abs(read.astype(float) - picture).mean() <= limit
    assert sorted(p.suffix for p in (tmp_path / "frames").iterdir()) == [".jpg", ".png"]


def test_the_same_frame_can_come_again_and_old_ones_go(tmp_path: Path) -> None:
    picture, _ = draw(Request(camera=station_camera(400, 300)), np.random.default_rng(24))
    encoded = encode_frame(picture)
    for sequence in range(1, 6):
        rename_in(tmp_path, encoded, sequence, keep=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["00000004.jpg", "00000005.jpg"]


def test_what_cannot_lie_on_a_table_is_refused() -> None:
    with pytest.raises(ImpossibleSceneError, match="no stitch"):
        sew(DEMO_STYLE.panel, Seam(pitch_mm=0.0), np.random.default_rng(1))
    with pytest.raises(ImpossibleSceneError, match="at least 1 px"):
        Camera(crop=(0, 0, 0, 10))
    with pytest.raises(ImpossibleSceneError, match="has no size"):
        draw_defect(
            Defect(kind="hole", x_mm=0.0, y_mm=0.0, size_mm=0.0),
            np.ones(3),
            np.zeros(3),
            np.random.default_rng(1),
        )
    label = Label(text="?", code=np.zeros((3, 4), np.bool_))
    with pytest.raises(ImpossibleSceneError, match="cannot be printed"):
        render_scene(SceneSpec(camera=SMALL, label=label), np.random.default_rng(1))
