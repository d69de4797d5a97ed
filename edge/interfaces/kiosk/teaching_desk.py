"""Teaching a style at the kiosk: good pieces one after the other, then learn, then it counts."""

import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.inspection.errors import InspectionError
from edge.interfaces.kiosk.texts import say_both
from edge.station.errors import (
    DeskIdleError,
    PicturesFewError,
    RefusalError,
    StyleUnknownError,
)
from edge.station.inspection_record import Shot

FEWEST_PICTURES, WANTED_PICTURES, MOST_PICTURES = 14, 20, 30
Json = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """A style that counts from now on."""

    piece_count: int
    size_bytes: int
    threshold_score: float
    overkill_ratio: float
    elapsed_s: float


class LessonShelf(Protocol):
    """Holds the pictures of the course under way."""

    async def clear(self) -> None:
        """Forget all of them."""
        ...

    async def put(self, mark: str, content: bytes) -> None:
        """Keep one.

        Raises:
            DiskFullError: there is no room; it was not kept.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TeachingDoors:
    """What teaching works with.

    ``work`` runs what takes long beside the kiosk and tells its pages when it ends;
    ``problems`` says why a picture (H, W, 3) uint8 RGB teaches nothing. Pictures lie in ``shelf``
    until they were learned from, not in memory; ``learn`` takes a style and their marks, and lets
    the bank count at once.
    """

    work: Callable[[Coroutine[object, object, None]], None]
    shot: Callable[[], Awaitable[Shot]]
    problems: Callable[[NDArray[np.uint8]], Awaitable[tuple[str, ...]]]
    shelf: "LessonShelf"
    learn: Callable[[str, Sequence[str]], Awaitable[Taught]]
    styles: Callable[[], tuple[str, ...]]


@dataclass(slots=True)
class _Course:
    """One style being taught."""

    style: str
    pictures: list[str] = field(default_factory=list)
    refused: list[Json] = field(default_factory=list)
    phase: str = "taking"
    taught: Taught | None = None
    problem: Json | None = None


class TeachingDesk:
    """Holds the course that runs; a restart of the station forgets an unfinished one."""

    def __init__(self, doors: TeachingDoors) -> None:
        self._doors = doors
        self._course: _Course | None = None

    @property
    def learning(self) -> bool:
        """Say whether pictures are being learned from."""
        return self._course is not None and self._course.phase == "learning"

    def styles(self) -> tuple[str, ...]:
        """Return the styles of the work at hand."""
        return self._doors.styles()

    async def begin(self, style: str) -> None:
        """Begin with a style of the work at hand.

        Raises:
            StyleUnknownError: no open work order has it.
        """
        if style not in self._doors.styles():
            raise StyleUnknownError(style, style=style)
        await self._doors.shelf.clear()
        self._course = _Course(style)

    async def close(self) -> None:
        """Leave; pictures that were taken are forgotten."""
        self._course = None
        await self._doors.shelf.clear()

    async def take(self) -> None:
        """Take a picture of the good piece on the table; a useless one is told with its reason.

        Raises:
            DeskIdleError: nothing is being taught.
            CameraUnpluggedError, FrameBrokenError, FrameTooLargeError: no picture comes.
            DiskFullError: the picture cannot be kept.
        """
        course = self._taking()
        if len(course.pictures) >= MOST_PICTURES:
            return
        shot = await self._doors.shot()
        problems, mark = await self._doors.problems(shot.pixels), _mark(shot.encoded)
        if not problems and mark in course.pictures:
            problems = ("frame_same",)
        if problems:
            course.refused.append({"code": problems[0], **say_both(f"reason.{problems[0]}")})
            return
        await self._doors.shelf.put(mark, shot.encoded)
        course.pictures.append(mark)

    async def learn(self) -> None:
        """Begin to learn from the pictures; how it ends is told in the desk's state.

        Raises:
            DeskIdleError: nothing is being taught.
            PicturesFewError: fewer than fourteen good pictures.
        """
        course = self._taking()
        if len(course.pictures) < FEWEST_PICTURES:
            few = {"taken": str(len(course.pictures)), "least": str(FEWEST_PICTURES)}
            raise PicturesFewError(f"{few}", **few)
        course.phase = "learning"
        self._doors.work(self._learn(course))

    async def _learn(self, course: _Course) -> None:
        try:
            course.taught = await self._doors.learn(course.style, course.pictures)
        except (InspectionError, OSError) as error:
            code = getattr(error, "code", "STYLE_NOT_KEPT")
            course.problem = {"code": code, **say_both(f"error.{code}"), "detail": str(error)}
            course.phase = "failed"
        except RefusalError as error:
            course.problem = {"code": error.code, **say_both(f"refusal.{error.code}")}
            course.phase = "failed"
        else:
            course.phase = "taught"
            course.pictures.clear()
            await self._doors.shelf.clear()
        finally:
            # Whatever nobody foresaw goes on to the log; the desk must not wait for it for ever.
            if course.phase == "learning":
                course.problem = {"code": "STYLE_NOT_KEPT", **say_both("error.STYLE_NOT_KEPT")}
                course.phase = "failed"

    def state(self) -> Json | None:
        """Return what the page shows of it."""
        course = self._course
        if course is None:
            return None
        taught = course.taught
        return {
            "style": course.style,
            "phase": course.phase,
            "taken_count": taught.piece_count if taught else len(course.pictures),
            "wanted_count": WANTED_PICTURES,
            "least_count": FEWEST_PICTURES,
            "most_count": MOST_PICTURES,
            "refused": course.refused[-3:],
            "refused_count": len(course.refused),
            "problem": course.problem,
            "taught": None
            if taught is None
            else {
                "piece_count": taught.piece_count,
                "size_bytes": taught.size_bytes,
                "threshold_score": round(taught.threshold_score, 2),
                "overkill_ratio": taught.overkill_ratio,
                "elapsed_s": round(taught.elapsed_s, 1),
            },
        }

    def _taking(self) -> _Course:
        if self._course is None or self._course.phase not in {"taking", "failed"}:
            raise DeskIdleError
        self._course.phase = "taking"
        return self._course


def _mark(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
