"""Bad input the whole way: a picture comes to the camera, and no confident verdict comes of it.

A real camera (the newest picture of a folder), the real pipeline, board, bank and desk; each bad
picture is refused or flagged with its reason, nothing breaks, and the next good piece is judged.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from kyndof_wire.fleet.v1 import fleet_pb2 as fleet
from typer.testing import CliRunner

from cloud.infrastructure.training.rendering.camera import Camera
from edge.__main__ import app
from edge.capture.address import parse_camera
from edge.composition import compose_board, compose_inspection
from edge.infrastructure.camera_desk import CameraDesk, open_camera
from edge.infrastructure.thickness_file import THICKNESS
from edge.inspection.board import TagBoard
from edge.inspection.lens import Lens
from edge.inspection.teaching import Lesson
from edge.settings import EdgeSettings
from edge.station.errors import (
    FrameBrokenError,
    FrameTooLargeError,
    StyleUnknownError,
    ThicknessInvalidError,
)
from tests.fakes.desk import STYLE, World
from tests.fakes.inspection_scenes import Table, draw
from tests.fakes.standards import point

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.requirement("CAP", "DEF", "MEA", "VER"), pytest.mark.timeout(240)]
CAMERA = Camera(width_px=1200, height_px=900, tilt_x_deg=0.8, tilt_y_deg=-0.6, k1_ratio=-0.1)
TABLE = Table(camera=CAMERA)
STANDARD = fleet.Standard(
    points=[
        point(fleet.PointOfMeasure, name=axis, axis=axis, nominal_mm=nominal_mm, title_ko=axis)
        for axis, nominal_mm in (("length", 500.0), ("width", 380.0))
    ],
    minor_below_mm2=4,
    major_from_mm2=25,
    checks=["defects", "measure"],
)


def lens_board() -> TagBoard:
    """The table's tags with the lens of the camera that was calibrated."""
    lens = Lens(
        focal_x_px=CAMERA.focal_px,
        focal_y_px=CAMERA.focal_px,
        centre_x_px=(CAMERA.width_px - 1) / 2,
        centre_y_px=(CAMERA.height_px - 1) / 2,
        coefficients=(CAMERA.k1_ratio, 0.0, 0.0, 0.0, 0.0),
        width_px=CAMERA.width_px,
        height_px=CAMERA.height_px,
    )
    return replace(compose_board(EdgeSettings(firmware_config=ROOT / "firmware-config")), lens=lens)


def laid(seed: int, **changes: object) -> np.ndarray:
    """A piece on the table, each time a little elsewhere: (900, 1200, 3) uint8."""
    pose = replace(TABLE.pose, x_mm=540.0 + 3 * seed, turn_deg=seed - 2.0)
    return draw(replace(TABLE, **{"pose": pose, **changes}), seed)[0]


def png(frame: np.ndarray) -> bytes:
    """Encode (H, W), (H, W, 3) RGB or (H, W, 4) RGBA."""
    order = [2, 1, 0, 3]
    shown = frame if frame.ndim == 2 else frame[..., order[: frame.shape[2]]]
    return cv2.imencode(".png", shown)[1].tobytes()


def stated(content: bytes, width_px: int, height_px: int) -> bytes:
    """Let a PNG's header state another size."""
    header = content[12:16] + struct.pack(">II", width_px, height_px) + content[24:29]
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]


def seen_through(frame: np.ndarray, share: float) -> np.ndarray:
    """Make the left ``share`` of (H, W, 3) uint8 transparent: (H, W, 4)."""
    alpha = np.full(frame.shape[:2], 255, np.uint8)
    alpha[:, : int(share * frame.shape[1])] = 0
    return np.dstack([frame, alpha])


@pytest.fixture(scope="module")
def good() -> list[np.ndarray]:
    return [laid(seed) for seed in range(6)]


@pytest.fixture(scope="module")
def pipeline():
    return compose_inspection(EdgeSettings())


@pytest.fixture(scope="module")
def bank(pipeline, good: list[np.ndarray]) -> bytes:
    lesson = Lesson(style=STYLE, few=True)
    return pipeline.learn(lesson, good[:5], lens_board()).to_bytes()


class Shown(CameraDesk):
    """The station's camera on a folder, into which pictures are renamed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        address = parse_camera(f"replay:{folder}?follow=1")
        super().__init__(address, lambda at: open_camera(ROOT / "firmware-config", at))
        self._folder, self._count = folder, 0

    def put(self, content: bytes) -> None:
        self._count += 1
        fresh = self._folder / ".fresh"
        fresh.write_bytes(content)
        fresh.rename(self._folder / f"{self._count:04d}.png")


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[Shown]:
    shown = Shown(tmp_path / "camera")
    shown.open()
    yield shown
    shown.close()


@pytest.fixture
async def world(tmp_path: Path, pipeline, bank: bytes, camera: Shown) -> World:
    made = World(tmp_path / "home", pipeline, camera, lens_board)
    await made.ready(bank=bank, standard=STANDARD)
    await made.signed_in()
    return made


async def flagged(world: World, content: bytes, piece: int) -> tuple[str, ...]:
    """Show a picture, have the piece judged; return the reasons of what must be no verdict."""
    world.camera.put(content)
    await world.finished(piece)
    state = world.stand.station.state
    finished = [f for f in world.stand.journal.facts if f.type == "step_finished"]
    if state.refusal is not None:
        assert not finished
        return (state.refusal.code,)
    assert state.shown is not None
    assert [fact.verdict for fact in finished] == ["REVIEW"]
    world.stand.journal.facts.clear()
    return state.shown.record.reasons


CAMERA_FAULTS = {
    "overexposed": "frame_overexposed",
    "blurred": "frame_blurred",
    "of another size": "frame_size_differs",
    "tiny": "frame_size_wrong",
    "grey": "frame_grey",
    "grey and 16 bits deep": "frame_grey",
    "half transparent": "tags_hidden",
    "all transparent": "frame_overexposed",
    "black": "FRAME_BLACK",
    "cut off": "FRAME_BROKEN",
    "no picture": "FRAME_BROKEN",
    "empty": "FRAME_BROKEN",
    "100 megapixels": "FRAME_TOO_LARGE",
}


def spoilt(frame: np.ndarray) -> dict[str, bytes]:
    """Everything that a camera can do to a picture (H, W, 3) uint8."""
    grey = frame.mean(axis=2).astype(np.uint8)
    whole = png(frame)
    return {
        "overexposed": png(np.clip(frame.astype(int) * 8, 0, 255).astype(np.uint8)),
        "blurred": png(cv2.GaussianBlur(frame, (0, 0), 8)),
        "of another size": png(np.ascontiguousarray(frame[:600, :800])),
        "tiny": png(np.ascontiguousarray(frame[:40, :40])),
        "grey": png(grey),
        "grey and 16 bits deep": png(grey.astype(np.uint16) * 257),
        "half transparent": png(seen_through(frame, 0.5)),
        "all transparent": png(seen_through(frame, 1.0)),
        "black": png(np.zeros_like(frame)),
        "cut off": whole[: len(whole) // 2],
        "no picture": b"a note that somebody left in the folder",
        "empty": b"",
        "100 megapixels": stated(whole, 10_000, 10_000),
    }


def deceptive() -> dict[str, tuple[np.ndarray, str]]:
    """Sound pictures of what must not be judged."""
    aside = replace(CAMERA, shift_x_mm=240.0)
    narrow = replace(TABLE.panel, width_mm=300)
    return {
        "another style's cloth": (laid(1, fabric="rose-plain"), "garment_differs"),
        "another style's size": (laid(1, panel=narrow), "garment_differs"),
        "the board half seen": (laid(1, camera=aside), "tags_hidden"),
        "a tag hidden": (laid(1, hidden_tag=2), "tags_hidden"),
    }


async def test_no_bad_picture_gets_a_verdict_and_the_next_good_one_does(
    world: World, good: list[np.ndarray]
) -> None:
    told, piece = {}, 1
    for kind, content in spoilt(good[5]).items():
        told[kind] = await flagged(world, content, piece)
        piece += world.stand.station.state.shown is not None
        await world.stand.station.act("cancel")
    assert {kind: reasons[0] for kind, reasons in told.items()} == CAMERA_FAULTS
    deep = png(good[5].astype(np.uint16) * 257)
    for number, content in enumerate((png(good[5]), deep)):
        world.camera.put(content)
        await world.finished(piece + number)
        shown = world.stand.station.state.shown
        assert shown is not None
        assert (shown.verdict, shown.record.reasons) == ("PASS", ())


async def test_what_must_not_be_judged_is_left_to_a_person(world: World) -> None:
    for piece, (kind, (frame, reason)) in enumerate(deceptive().items(), start=1):
        assert reason in await flagged(world, png(frame), piece), kind


async def test_the_kiosks_teaching_takes_none_of_them_and_says_why(
    world: World, good: list[np.ndarray]
) -> None:
    await world.desk.act("teach-begin", {"style": STYLE})
    faults = {kind: content for kind, content in spoilt(good[5]).items() if "grey" not in kind}
    refused = {
        "FRAME_BROKEN": FrameBrokenError,
        "FRAME_TOO_LARGE": FrameTooLargeError,
    }
    for kind, content in faults.items():
        world.camera.put(content)
        expected = CAMERA_FAULTS[kind]
        if expected in refused:
            with pytest.raises(refused[expected]):
                await world.desk.act("teach-take", {})
        else:
            await world.desk.act("teach-take", {})
            newest = world.desk.state()["teaching"]["refused"][-1]
            assert newest["code"] == expected.lower(), kind
            assert newest["ko"]
            assert newest["en"]
    for kind in ("the board half seen", "a tag hidden"):
        world.camera.put(png(deceptive()[kind][0]))
        await world.desk.act("teach-take", {})
        assert world.desk.state()["teaching"]["refused"][-1]["code"] == "tags_hidden", kind
    assert world.desk.state()["teaching"]["taken_count"] == 0
    assert not list((world.folder / "teaching").glob("*"))
    world.camera.put(png(good[5]))
    await world.desk.act("teach-take", {})
    assert world.desk.state()["teaching"]["taken_count"] == 1
    assert len(list((world.folder / "teaching").glob("*"))) == 1
    await world.desk.act("close", {})
    assert not (world.folder / "teaching").exists()


async def test_a_thickness_typed_at_the_kiosk_is_measured_by_at_once_and_after_a_restart(
    tmp_path: Path, pipeline, bank: bytes, camera: Shown, good: list[np.ndarray]
) -> None:
    unknown = fleet.Standard(points=STANDARD.points, checks=["measure"])
    for measured in unknown.points:
        measured.ClearField("thickness_mm")
    ruled: list[World] = []
    world = World(tmp_path / "home", pipeline, camera, lambda: ruled[0].learned.ruler.board())
    ruled.append(await world.ready(bank=bank, standard=unknown))
    await world.signed_in()
    assert "CANNOT_MEASURE" in await outcomes(world, png(good[5]), 1)
    act = world.desk.act
    for typed in ("", "thick", "0", "-1", "nan", "100", "1e3"):
        with pytest.raises(ThicknessInvalidError):
            await act("set-thickness", {"style": STYLE, "thickness_mm": typed})
    with pytest.raises(StyleUnknownError):
        await act("set-thickness", {"style": "COAT", "thickness_mm": "0.6"})
    await act("set-thickness", {"style": STYLE, "thickness_mm": "0,6"})
    assert world.desk.state()["thickness_mm"] == {STYLE: 0.6}
    assert set(await outcomes(world, png(good[5]), 2)) <= {"PASS", "REVIEW"}
    again = World(tmp_path / "home", pipeline, camera)
    assert again.learned.ruler.board().thickness_mm == {STYLE: 0.6}
    (world.folder / THICKNESS).write_text('{"styles": {"JK-01": {"thickness_mm": -3}}}')
    assert world.learned.ruler.board().thickness_mm == {}


async def outcomes(world: World, content: bytes, piece: int) -> list[str]:
    world.camera.put(content)
    await world.finished(piece)
    shown = world.stand.station.state.shown
    assert shown is not None
    return [measured.outcome for measured in shown.record.measurements]


def kyndof_edge(*arguments: str | Path) -> object:
    environment = {"KYNDOF_LANGUAGE": "en", "KYNDOF_FIRMWARE_CONFIG": str(ROOT / "firmware-config")}
    return CliRunner().invoke(app, [str(a) for a in arguments], env=environment)


def test_teach_leaves_each_out_with_its_reason_and_refuses_a_stray_piece(
    tmp_path: Path, good: list[np.ndarray]
) -> None:
    board = ROOT / "firmware-config" / "boards" / "table-4-tags.yml"
    words = {
        "overexposed": "it is overexposed",
        "blurred": "it is blurred",
        "tiny": "it is too small",
        "half transparent": "marks cannot be seen",
        "cut off": "not a picture",
        "no picture": "not a picture",
        "empty": "the file is empty",
        "100 megapixels": "larger than 50 megapixels",
    }
    contents = spoilt(good[5])
    paths = []
    for name, content in {f"good-{n}": png(frame) for n, frame in enumerate(good[:5])}.items():
        (tmp_path / f"{name}.png").write_bytes(content)
        paths.append(tmp_path / f"{name}.png")
    for name in words:
        (tmp_path / f"{name}.png").write_bytes(contents[name])
        paths.append(tmp_path / f"{name}.png")
    out = tmp_path / "style.bank"
    said = ("--few", "--board", board, "--out", out)
    taught = kyndof_edge("teach", STYLE, *paths, *said)
    assert taught.exit_code == 0, taught.stderr
    assert out.stat().st_size <= 10 * 1024
    for name, sentence in words.items():
        (line,) = [line for line in taught.stderr.splitlines() if f"{name}.png" in line]
        assert sentence in line
    stray = tmp_path / "stray.png"
    stray.write_bytes(png(laid(1, fabric="rose-plain")))
    out.unlink()
    refused = kyndof_edge("teach", STYLE, *paths[:4], stray, *said)
    assert (refused.exit_code, out.exists()) == (1, False)
    assert "TEACHING_PIECE_DIFFERS" in refused.stderr


def test_calibrate_stores_nothing_of_bad_pictures_of_the_table(
    tmp_path: Path, good: list[np.ndarray]
) -> None:
    contents = spoilt(good[5])
    for name, code in {
        "overexposed": 1,
        "blurred": 1,
        "half transparent": 1,
        "cut off": 2,
        "no picture": 2,
        "empty": 2,
        "100 megapixels": 2,
    }.items():
        path = tmp_path / f"{name}.png"
        path.write_bytes(contents[name])
        result = kyndof_edge("calibrate", path, "--table", path, "--dry-run")
        assert result.exit_code == code, (name, result.output)
        assert result.stdout == ""
        assert len(result.stderr.splitlines()) in {1, 2}, result.stderr
