"""Ties the calibrated lens to the table: where its tags are seen, and how high the camera hangs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from edge.inspection.board import TagBoard
from edge.inspection.calibration import BoardView, CalibrationBoard, LensCalibration
from edge.inspection.errors import CalibrationRefusedError
from edge.inspection.frame_checks import frame_problems
from edge.inspection.lens import Lens
from edge.inspection.plane import Plane, fit_plane
from edge.inspection.ports import TagFinder
from edge.inspection.tag_places import suspect_tag

_MOST_RESIDUAL_PX = 0.15
_MOST_CHECK_MM = 0.3
_MOST_OFF_MM = 0.75
_CAMERA_HEIGHT_SHARE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class StationCalibration:
    """Everything learned at one calibration of one station; stored, and never changed.

    ``made_at`` is ISO 8601 in UTC. ``check_mm`` is the rms by which a board lying on the table
    disagreed with the table's tags, None when none was shown.
    """

    calibration_id: str
    made_at: str
    spec: CalibrationBoard
    lens: LensCalibration
    table: TagBoard
    residual_px: float
    check_mm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrating:
    """What a calibration is made of, but for the empty table: which board, lens and number.

    ``flat`` is the board seen lying on the table, None where it was not; ``thickness_mm`` by style.
    """

    calibration_id: str
    made_at: str
    spec: CalibrationBoard
    lens: LensCalibration
    flat: BoardView | None = None
    thickness_mm: Mapping[str, float] = field(default_factory=dict)


def calibrate_station(
    frame: NDArray[np.uint8], tags: TagFinder, board: TagBoard, given: Calibrating
) -> StationCalibration:
    """Look at the empty table in ``frame`` (H, W, 3) uint8 RGB and put everything together.

    Raises:
        CalibrationRefusedError: the frame cannot be judged, a tag is hidden, or one of them does
            not lie where its file says.
    """
    learned, plane = calibrate_table(frame, tags, board, given.lens.fit.lens)
    check_mm = None if given.flat is None else round(check_on_table(plane, given.flat), 4)
    return StationCalibration(
        calibration_id=given.calibration_id,
        made_at=given.made_at,
        spec=given.spec,
        lens=given.lens,
        table=replace(
            learned,
            calibration_id=given.calibration_id,
            thickness_mm=dict(given.thickness_mm),
        ),
        residual_px=plane.residual_px,
        check_mm=check_mm,
    )


def calibrate_table(
    frame: NDArray[np.uint8], tags: TagFinder, board: TagBoard, lens: Lens
) -> tuple[TagBoard, Plane]:
    """Look at the empty table's tags in ``frame`` (H, W, 3) uint8 RGB through a known lens.

    Returns the board with the places where its tags are seen and the camera's height.

    Raises:
        CalibrationRefusedError: the frame cannot be judged, a tag is hidden, or one of them does
            not lie where its file says.
    """
    problems = frame_problems(frame)
    if problems:
        raise CalibrationRefusedError(problems[0], "the picture of the table cannot be used")
    if frame.shape[:2] != (lens.height_px, lens.width_px):
        raise CalibrationRefusedError(
            "frame_size_differs",
            f"the table's picture has {frame.shape[1]} × {frame.shape[0]} px, "
            f"the views had {lens.width_px} × {lens.height_px} px",
        )
    corners = tags.find(frame, board)
    hidden = sorted(set(board.tags) - set(corners))
    if hidden:
        raise CalibrationRefusedError("tags_hidden", f"tags {hidden} of the table are not seen")
    plane = fit_plane(frame, corners, replace(board, lens=lens, reference_px=None))
    suspect = suspect_tag(frame, corners, board, lens)
    if not suspect.off_mm <= _MOST_OFF_MM:
        x_mm, y_mm = board.tags[suspect.tag]
        raise CalibrationRefusedError(
            "tag_misplaced",
            f"tag {suspect.tag} lies {suspect.off_mm:.1f} mm from ({x_mm:g}, {y_mm:g}), where "
            f"{board.name} has it; {_MOST_OFF_MM} mm are allowed",
        )
    if not plane.residual_px <= _MOST_RESIDUAL_PX:
        raise CalibrationRefusedError(
            "tags_elsewhere",
            f"the tags do not lie where {board.name} says: they disagree by "
            f"{plane.residual_px:.3f} px, {_MOST_RESIDUAL_PX} px are allowed",
        )
    height_mm = camera_height_mm(plane, lens)
    learned = replace(
        board,
        lens=lens,
        camera_height_mm=round(height_mm, 2),
        camera_height_tolerance_mm=round(_CAMERA_HEIGHT_SHARE * height_mm, 2),
        reference_px={tag: plane.to_px(board.corners_mm(tag)) for tag in board.tags},
    )
    return learned, plane


def camera_height_mm(plane: Plane, lens: Lens) -> float:
    """How far the camera is above the table, in mm, from the way the table is seen."""
    matrix = np.array(
        [
            [lens.focal_x_px, 0, lens.centre_x_px],
            [0, lens.focal_y_px, lens.centre_y_px],
            [0, 0, 1],
        ]
    )
    places = np.array([[0.0, 0.0], [1000.0, 0.0], [0.0, 1000.0], [1000.0, 1000.0]])
    rays = np.column_stack([plane.to_ideal_px(places), np.ones(4)]) @ np.linalg.inv(matrix).T
    # Scales s with s · ray = corner in the camera's frame; the parallelogram closes.
    scales = np.linalg.solve(np.column_stack([rays[1], rays[2], -rays[3]]), rays[0])
    corners = rays * np.append(1.0, scales)[:, None]
    size = float(np.linalg.norm(corners[1] - corners[0]))
    corners *= 1000.0 / size
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    return abs(float(corners[0] @ normal)) / float(np.linalg.norm(normal))


def check_on_table(plane: Plane, view: BoardView) -> float:
    """Rms in mm by which a board lying on the table disagrees with the table's tags.

    Raises:
        CalibrationRefusedError: it disagrees by more than 0.3 mm, or its picture has another size
            than the views that the lens was learned from.
    """
    lens = plane.lens
    if lens is not None and (view.height_px, view.width_px) != (lens.height_px, lens.width_px):
        raise CalibrationRefusedError(
            "frame_size_differs",
            f"the picture of the lying board has {view.width_px} × {view.height_px} px, "
            f"the views had {lens.width_px} × {lens.height_px} px",
        )
    seen = plane.to_mm(view.px)
    start, goal = view.mm - view.mm.mean(axis=0), seen - seen.mean(axis=0)
    first, _, last = np.linalg.svd(start.T @ goal)
    turn = first @ last
    if np.linalg.det(turn) < 0:
        first[:, -1] = -first[:, -1]
        turn = first @ last
    rest = goal - start @ turn
    rms_mm = float(np.sqrt(np.mean((rest**2).sum(axis=1))))
    if rms_mm > _MOST_CHECK_MM:
        raise CalibrationRefusedError(
            "table_disagrees",
            f"the board on the table is {rms_mm:.2f} mm off, {_MOST_CHECK_MM} mm are allowed",
        )
    return rms_mm
