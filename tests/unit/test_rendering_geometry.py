"""Where things are in a rendered picture, found again by other means than those that drew them."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import zxingcpp

from cloud.infrastructure.training.rendering.camera import Camera, Placement
from cloud.infrastructure.training.rendering.decal import box_mean
from cloud.infrastructure.training.rendering.demo_style import DEMO_STYLE
from cloud.infrastructure.training.rendering.fabric import FABRICS
from cloud.infrastructure.training.rendering.garment import Panel
from cloud.infrastructure.training.rendering.laying import Garment, coverage
from cloud.infrastructure.training.rendering.markers import Label, TableTags
from cloud.infrastructure.training.rendering.scene import SceneSpec, SceneTruth, render_scene
from cloud.infrastructure.training.rendering.sensor import Light, Sensor
from tests.simulators.scenes import Request, code_matrix, draw, station_camera

TEXT = "KY1:P:01ARZ3NDEKTSV4RRFFQ69G5FAV:01BX5ZZKBKACTAV9WEVGEMMVRZ"
EVEN = Light(gradient_ratio=0.0, vignette_ratio=0.0, warmth_ratio=0.0)
CLEAN = Sensor(noise_count=0.0)
CROOKED = Camera(
    width_px=2000, height_px=1500, tilt_x_deg=2.0, tilt_y_deg=-1.5, roll_deg=1.0, k1_ratio=-0.12
)


def edge_offset_px(grey: np.ndarray, at: np.ndarray, normal: np.ndarray) -> float:
    """How far the step across (x, y) lies along a normal: centroid of the gradient's steep part."""
    reach = np.arange(-4, 4.01, 0.125)
    x = (at[0] + reach * normal[0]).astype(np.float32)[None]
    y = (at[1] + reach * normal[1]).astype(np.float32)[None]
    profile = cv2.remap(grey, x, y, cv2.INTER_CUBIC)[0]
    slope = np.diff(profile) * np.sign(profile[-8:].mean() - profile[:8].mean())
    weight = np.clip(slope - 0.15 * slope.max(), 0, None)
    return float((weight * (reach[1:] + reach[:-1])).sum() / 2 / weight.sum())


def mean_edge_offsets_px(
    picture: np.ndarray, camera: Camera, corners_mm: np.ndarray
) -> list[float]:
    """Mean offset of each side of a square on the table (lens-bent as it is), outwards positive."""
    grey = picture.astype(np.float32).mean(axis=2)
    parts = np.linspace(0.12, 0.88, 60)[:, None]
    offsets = []
    for start, end in zip(corners_mm, np.roll(corners_mm, -1, axis=0), strict=True):
        side = camera.project(start + parts * (end - start))
        along = np.gradient(side, axis=0)
        outwards = np.column_stack([along[:, 1], -along[:, 0]])
        outwards /= np.linalg.norm(outwards, axis=1, keepdims=True)
        steps = [edge_offset_px(grey, at, out) for at, out in zip(side, outwards, strict=True)]
        offsets.append(float(np.mean(steps)))
    return offsets


@pytest.mark.requirement("MEA")
@pytest.mark.parametrize("camera", [Camera(width_px=2000, height_px=1500), CROOKED])
def test_the_tags_black_squares_lie_where_the_truth_says(camera: Camera) -> None:
    picture, truth = render_scene(
        SceneSpec(camera=camera, light=EVEN, sensor=CLEAN), np.random.default_rng(1)
    )
    square = np.array([[-25.0, -25.0], [25.0, -25.0], [25.0, 25.0], [-25.0, 25.0]])
    for number, centre in TableTags().centres_mm.items():
        corners_mm = square + centre
        assert np.abs(camera.project(corners_mm) - truth.tag_corners_px[number]).max() < 1e-9
        assert np.abs(mean_edge_offsets_px(picture, camera, corners_mm)).max() < 0.02


@pytest.mark.requirement("MEA")
def test_opencv_finds_all_four_tags_within_a_fifth_of_a_pixel() -> None:
    request = Request(kind="empty", camera=station_camera(2000, 1500))
    picture, truth = draw(request, np.random.default_rng(2))
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    corners, ids, _ = cv2.aruco.ArucoDetector(dictionary).detectMarkers(grey)
    assert sorted(ids.ravel().tolist()) == [0, 1, 2, 3]
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 50, 1e-4)
    found, true = [], []
    for number, corner in zip(ids.ravel().tolist(), corners, strict=True):
        refined = cv2.cornerSubPix(grey, corner.reshape(-1, 1, 2), (9, 9), (-1, -1), criteria)
        found.append(refined[:, 0])
        true.append(truth.tag_corners_px[number])
    difference = np.concatenate(found) - np.concatenate(true)
    assert np.sqrt((difference**2).mean()) < 0.1
    assert np.abs(difference.mean(axis=0)).max() < 0.05


@pytest.mark.requirement("MEA")
def test_the_homography_of_the_truth_maps_the_tags() -> None:
    camera = replace(CROOKED, k1_ratio=0.0, crop=(900, 700, 64, 64))
    _, truth = render_scene(SceneSpec(camera=camera), np.random.default_rng(3))
    centres = np.array([[60.0, 60.0], [1040.0, 60.0], [1040.0, 765.0], [60.0, 765.0]])
    mapped = cv2.perspectiveTransform(centres[:, None], truth.homography)[:, 0]
    corners = np.stack([truth.tag_corners_px[n] for n in range(4)])
    crossings = []
    for a, b, c, d in corners:  # diagonals of a square meet in its middle, in perspective too
        matrix = np.column_stack([c - a, b - d])
        crossings.append(a + np.linalg.solve(matrix, b - a)[0] * (c - a))
    assert np.abs(mapped - np.array(crossings)).max() < 1e-6


def test_projecting_and_back_gives_the_same_point() -> None:
    points = np.random.default_rng(4).uniform([0, 0], [1100, 825], (200, 2))
    for height_mm in (0.0, 3.0):
        pixels = CROOKED.project(points, height_mm)
        assert np.abs(CROOKED.unproject(pixels, height_mm) - points).max() < 1e-6


def test_opencv_projects_as_our_camera_does() -> None:
    camera = replace(CROOKED, tilt_x_deg=0.0, tilt_y_deg=0.0, roll_deg=0.0)
    table = np.array([[0.0, 0.0], [1100.0, 825.0], [300.0, 700.0]])
    space = np.column_stack([table - [550.0, 412.5], np.full(3, camera.distance_mm)])
    expected, _ = cv2.projectPoints(
        space,
        np.zeros(3),
        np.zeros(3),
        camera.matrix,
        np.array([camera.k1_ratio, 0.0, 0.0, 0.0]),
    )
    assert np.abs(camera.project(table) - expected[:, 0]).max() < 1e-6


def test_the_maps_of_a_window_agree_with_the_exact_lens() -> None:
    x, y = CROOKED.plane_maps(100, 50, 333, 210, 0.3)
    corners = np.array([[100.0, 50.0], [432.0, 50.0], [287.0, 161.0]])
    exact = CROOKED.unproject(corners, 0.3)
    read = np.array([[x[0, 0], y[0, 0]], [x[0, 332], y[0, 332]], [x[111, 187], y[111, 187]]])
    assert np.abs(read - exact).max() < 0.005


def garment_scene(camera: Camera, turn_deg: float, **garment: object) -> SceneSpec:
    return SceneSpec(
        camera=camera,
        light=EVEN,
        sensor=Sensor(noise_count=1.0),
        garment=Garment(
            panel=DEMO_STYLE.panel,
            fabric=FABRICS["sand-plain"],
            pose=Placement(x_mm=548.0, y_mm=413.0, turn_deg=turn_deg),
            **garment,
        ),
    )


@pytest.mark.requirement("MEA")
@pytest.mark.parametrize(
    ("camera", "turn_deg"), [(Camera(width_px=2000, height_px=1500), 0.0), (CROOKED, 3.7)]
)
def test_the_cloths_edges_lie_within_two_hundredths_of_a_millimetre(
    camera: Camera, turn_deg: float
) -> None:
    spec = garment_scene(camera, turn_deg)
    picture, truth = render_scene(spec, np.random.default_rng(5))
    pose = Placement(x_mm=548.0, y_mm=413.0, turn_deg=turn_deg)
    grey = picture.astype(np.float32).mean(axis=2)
    for side, outward in (("top", -1), ("bottom", 1), ("left", -1), ("right", 1)):
        ratio = np.linspace(0.1, 0.9, 120)
        local = DEMO_STYLE.panel.side(side, ratio)
        step = np.array([0.0, outward]) if side in {"top", "bottom"} else np.array([outward, 0.0])
        height = FABRICS["sand-plain"].thickness_mm / 2
        at = camera.project(pose.to_table(local), height)
        beyond = camera.project(pose.to_table(local + step), height)
        normals = (beyond - at) / np.linalg.norm(beyond - at, axis=1, keepdims=True)
        offsets = [edge_offset_px(grey, p, n) for p, n in zip(at, normals, strict=True)]
        assert abs(float(np.mean(offsets))) / camera.px_per_mm < 0.02, side
    assert truth.outline_px is not None


def test_coverage_of_a_turned_square_keeps_its_area() -> None:
    corners = np.array([[-30.3, -20.1], [30.3, -20.1], [30.3, 20.1], [-30.3, 20.1]])
    for turn_deg in (0.0, 12.0, 45.0):
        polygon = Placement(x_mm=50.25, y_mm=45.6, turn_deg=turn_deg).to_table(corners)
        area = coverage(polygon, 100, 100).sum(dtype=np.float64)
        assert area == pytest.approx(60.6 * 40.2, rel=2e-3)


def test_box_means_agree_with_fine_sampling() -> None:
    raster = np.random.default_rng(6).uniform(0, 1, (2, 9, 7)).astype(np.float32)
    centres = np.array([[3.3, 4.1], [0.2, 0.4], [6.8, 8.9]])
    half = np.array([1.35, 0.8])
    steps = (np.arange(400) + 0.5) / 400 * 2 - 1
    for centre, mean in zip(centres, box_mean(raster, centres, half).T, strict=True):
        x, y = centre[0] + steps * half[0], centre[1] + steps * half[1]
        inside = ((y >= 0) & (y < 9))[:, None] & ((x >= 0) & (x < 7))[None]
        columns, rows = np.clip(x.astype(int), 0, 6), np.clip(y.astype(int), 0, 8)
        sampled = (raster[:, rows][:, :, columns] * inside).mean(axis=(1, 2))
        assert np.abs(mean - sampled).max() < 5e-3


@pytest.mark.requirement("MEA")
def test_true_lengths_are_those_of_the_pattern() -> None:
    _, truth = draw(
        Request(kind="length_off", length_offset_mm=-6.5, camera=station_camera(400, 300)),
        np.random.default_rng(7),
    )
    values = {measure.name: measure.value_mm for measure in truth.measures}
    assert values == {"length": pytest.approx(493.5), "width": pytest.approx(380.0)}
    for measure in truth.measures:
        ends = np.array(measure.from_mm) - np.array(measure.to_mm)
        assert np.hypot(*ends) == pytest.approx(measure.value_mm)


def test_a_trapezoid_with_bowed_sides_is_measured_between_its_curves() -> None:
    panel = Panel(length_mm=400.0, width_mm=300.0, top_width_mm=200.0, bow_bottom_mm=5.0)
    assert panel.measure("length", 0.5)[2] == pytest.approx(405.0)
    assert panel.measure("width", 0.5)[2] == pytest.approx(250.0)
    assert panel.measure("width", 0.0)[2] == pytest.approx(200.0)


@pytest.mark.requirement("SCN")
@pytest.mark.parametrize("turn_deg", [0.0, 33.0, 180.0])
def test_the_label_is_read_at_its_true_corners(turn_deg: float) -> None:
    label = Label(
        text=TEXT,
        code=code_matrix(TEXT),
        placement=Placement(x_mm=900.0, y_mm=400.0, turn_deg=turn_deg),
    )
    camera = replace(station_camera(), crop=(2900, 1100, 800, 800))
    spec = replace(garment_scene(camera, 2.0), label=label, light=Light())
    picture, truth = render_scene(spec, np.random.default_rng(8))
    codes = zxingcpp.read_barcodes(picture)
    assert [code.text for code in codes] == [TEXT] == [truth.label_text]
    assert corner_distance_px(codes[0].position, truth) < 3.0


@pytest.mark.requirement("LBL", "SCN")
def test_a_whole_labels_picture_is_read_from_the_table() -> None:
    modules = np.kron(np.pad(code_matrix(TEXT), 4), np.ones((8, 8), bool))
    page = np.full((420, 700), 255, np.uint8)
    page[30 : 30 + len(modules), 40 : 40 + len(modules)][modules] = 0
    cv2.putText(page, "CF 0012 / M", (420, 200), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (0,), 3)
    label = Label(
        text=TEXT,
        code=page,
        side_mm=90.0,
        placement=Placement(x_mm=900.0, y_mm=400.0, turn_deg=-8.0),
    )
    camera = replace(station_camera(), crop=(2900, 1000, 800, 900))
    picture, truth = render_scene(
        SceneSpec(camera=camera, tags=None, label=label), np.random.default_rng(10)
    )
    assert [code.text for code in zxingcpp.read_barcodes(picture)] == [TEXT]
    assert truth.label_corners_px is not None
    width, height = (
        np.linalg.norm(truth.label_corners_px[0] - c) for c in truth.label_corners_px[[1, 3]]
    )
    assert height / width == pytest.approx(0.6, rel=0.01)


def corner_distance_px(position: zxingcpp.Position, truth: SceneTruth) -> float:
    names = ("top_left", "top_right", "bottom_right", "bottom_left")
    read = np.array([[getattr(position, n).x, getattr(position, n).y] for n in names])
    assert truth.label_corners_px is not None
    return float(np.abs(read - truth.label_corners_px).max())


def test_a_crop_shows_what_the_whole_sensor_shows_there() -> None:
    whole = replace(garment_scene(replace(CROOKED, width_px=1000, height_px=750), 2.0), tags=None)
    window = replace(whole, camera=replace(whole.camera, crop=(200, 100, 300, 250)))
    picture, truth = render_scene(whole, np.random.default_rng(9))
    part, part_truth = render_scene(window, np.random.default_rng(9))
    assert part.shape == (250, 300, 3)
    difference = part.astype(float) - picture[100:350, 200:500]
    assert np.abs(difference).mean() < 3.0  # noise and the table's wear differ, edges do not
    assert truth.outline_px is not None
    assert part_truth.outline_px is not None
    assert np.abs(truth.outline_px - [200, 100] - part_truth.outline_px).max() < 1e-9
