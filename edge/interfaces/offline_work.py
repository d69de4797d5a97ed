"""What scan, inspect, teach and self-test do."""

import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TypeVar

import numpy as np
import typer
from numpy.typing import NDArray

from edge.inspection.board import TagBoard
from edge.inspection.errors import (
    InspectionError,
    PictureUnreadableError,
    TooFewPiecesError,
)
from edge.inspection.pipeline import InspectionPipeline
from edge.inspection.ports import PictureFiles, Stopwatch
from edge.inspection.standard import DefectStandard, InspectionStandard
from edge.inspection.style_bank import StyleBank
from edge.inspection.teaching import FEWEST_PIECES, Lesson
from edge.inspection.verdict import InspectionResult
from edge.interfaces.offline import TeachWish
from edge.model_bundles.errors import BundleError
from edge.outbox.errors import OutboxError
from edge.scanning.ports import CodeReader

T = TypeVar("T")

UNREADABLE = 2
FAILED = 1
_NO_LIMITS = DefectStandard(minor_below_mm2=0.0, major_from_mm2=float("inf"))


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineTools:
    """What the commands work with, made by the composition root."""

    reader: CodeReader
    pictures: PictureFiles
    pipeline: Callable[[str], InspectionPipeline]
    board: Callable[[str], TagBoard]
    code_picture: Callable[[str], NDArray[np.uint8]]
    stopwatch: Stopwatch
    language: str
    station_checks: Callable[[], Mapping[str, Callable[[], str]]] = dict


class PictureWork:
    """Implements ``OfflineWork``; every method writes what it found and returns an exit code."""

    def __init__(self, tools: OfflineTools) -> None:
        self._tools = tools

    def scan(self, pictures: list[Path]) -> int:
        """Read codes."""
        return _each(self._tools, pictures, lambda path: _scan(self._tools, path))

    def inspect(
        self,
        pictures: list[Path],
        bundle: str,
        style_bank: Path | None,
        board: str,
        overlay: Path | None,
    ) -> int:
        """Judge pictures."""
        judge = _guarded(
            self._tools, lambda: _Judge(self._tools, bundle, style_bank, board, overlay)
        )
        return _each(self._tools, pictures, judge)

    def teach(self, wish: TeachWish, pictures: list[Path]) -> int:
        """Learn a style."""
        _guarded(self._tools, lambda: _teach(self._tools, wish, pictures))
        return 0

    def self_test(self, *, station: bool) -> int:
        """Check this installation, and with ``station`` all that the station works with."""
        code = _self_test(self._tools)
        return max(code, _station_test(self._tools)) if station else code


class _SelfTestError(Exception):
    """A self-test step gave a wrong answer."""


def said(tools: OfflineTools, key: str, **values: object) -> str:
    """Return a text in the station's language."""
    folder = resources.files("edge.interfaces") / "texts"
    texts = json.loads((folder / f"{tools.language}.json").read_text(encoding="utf-8"))
    return str(texts[key]).format(**values)


def _each(
    tools: OfflineTools, pictures: list[Path], act: Callable[[Path], dict[str, object]]
) -> int:
    """Act on each picture; one that cannot be read does not stop the others."""
    code = 0
    for path in pictures:
        try:
            line = act(path)
        except PictureUnreadableError as error:
            text = said(
                tools, "offline.picture_unreadable", picture=error.picture, problem=error.problem
            )
            typer.echo(text, err=True)
            code = UNREADABLE
        except InspectionError as error:
            typer.echo(said(tools, "offline.failed", code=error.code, problem=error), err=True)
            raise typer.Exit(FAILED) from error
        else:
            typer.echo(json.dumps(line, ensure_ascii=False))
    return code


def _guarded(tools: OfflineTools, act: Callable[[], T]) -> T:
    """Turn typed errors into one sentence and an exit code."""
    try:
        return act()
    except PictureUnreadableError as error:
        text = said(
            tools, "offline.picture_unreadable", picture=error.picture, problem=error.problem
        )
        typer.echo(text, err=True)
        raise typer.Exit(UNREADABLE) from error
    except (InspectionError, BundleError) as error:
        typer.echo(said(tools, "offline.failed", code=error.code, problem=error), err=True)
        raise typer.Exit(FAILED) from error


def _scan(tools: OfflineTools, path: Path) -> dict[str, object]:
    frame = tools.pictures.read(str(path))
    start = tools.stopwatch()
    codes = tools.reader.read(frame)
    elapsed_ms = (tools.stopwatch() - start) * 1000
    return {
        "picture": str(path),
        "codes": [
            {
                "text": code.text,
                "format": code.format,
                "corners_px": [[round(x, 1), round(y, 1)] for x, y in code.corners_px],
                "reader": code.reader,
            }
            for code in codes
        ],
        "text": codes[0].text if codes else None,
        "elapsed_ms": round(elapsed_ms, 2),
    }


class _Judge:
    """Judges pictures with one bundle and one style."""

    def __init__(
        self,
        tools: OfflineTools,
        bundle: str,
        style_bank: Path | None,
        board: str,
        overlay: Path | None,
    ) -> None:
        self._tools = tools
        self._pipeline = tools.pipeline(bundle)
        self._bank = None if style_bank is None else _read_bank(style_bank)
        self._board = tools.board(board) if board else None
        self._overlay = overlay

    def __call__(self, path: Path) -> dict[str, object]:
        frame = self._tools.pictures.read(str(path))
        standard = InspectionStandard(
            style="" if self._bank is None else self._bank.style,
            spec_version="",
            points=(),
            stitches=(),
            defects=_NO_LIMITS,
            checks=frozenset({"defects"}),
        )
        result = self._pipeline.inspect(frame, standard, self._bank, self._board)
        if self._overlay is not None:
            self._overlay.mkdir(parents=True, exist_ok=True)
            outlines = tuple(np.array(finding.polygon_px) for finding in result.findings)
            target = self._overlay / f"{path.parent.name}-{path.stem}.png"
            self._tools.pictures.write_overlay(str(target), frame, outlines)
        return _described(path, result)


def _described(path: Path, result: InspectionResult) -> dict[str, object]:
    return {
        "picture": str(path),
        "verdict": result.verdict,
        "findings": [
            {
                "class": finding.defect_class,
                "score": finding.score,
                "polygon_px": [[x, y] for x, y in finding.polygon_px],
                "area_px": finding.area_px,
                **({} if finding.area_mm2 is None else {"area_mm2": finding.area_mm2}),
            }
            for finding in result.findings
        ],
        "anomaly_score": result.anomaly_score,
        "threshold_score": result.threshold_score,
        "bundle": result.bundle,
        "style": result.style or None,
        "reasons": list(result.reasons),
        "elapsed_ms": result.elapsed_ms.get("total"),
    }


def _read_bank(path: Path) -> StyleBank:
    try:
        return StyleBank.from_bytes(path.read_bytes())
    except OSError as problem:
        raise PictureUnreadableError(str(path), problem.strerror or str(problem)) from problem


def _teach(tools: OfflineTools, wish: TeachWish, pictures: list[Path]) -> None:
    pipeline = tools.pipeline(wish.bundle)
    board = tools.board(wish.board) if wish.board else None

    def frames() -> Iterator[NDArray[np.uint8]]:
        for path in pictures:
            frame = _lesson_picture(tools, pipeline, board, path)
            if frame is not None:
                yield frame

    lesson = Lesson(style=wish.style, overkill_ratio=wish.overkill_ratio, few=wish.few)
    try:
        bank = pipeline.learn(lesson, frames(), board)
    except TooFewPiecesError as error:
        text = said(tools, "offline.too_few", needed=error.needed, given=error.given)
        typer.echo(text, err=True)
        raise typer.Exit(FAILED) from error
    if bank.piece_count < FEWEST_PIECES:
        text = said(tools, "offline.few", pieces=bank.piece_count, needed=FEWEST_PIECES)
        typer.echo(text, err=True)
    data = bank.to_bytes()
    try:
        wish.out.write_bytes(data)
    except OSError as problem:
        text = said(tools, "offline.cannot_write", file=wish.out, problem=problem.strerror)
        typer.echo(text, err=True)
        raise typer.Exit(FAILED) from problem
    text = said(
        tools,
        "offline.taught",
        style=bank.style,
        pieces=bank.piece_count,
        size=len(data),
        threshold=round(bank.threshold_score, 2),
    )
    typer.echo(text)


def _lesson_picture(
    tools: OfflineTools, pipeline: InspectionPipeline, board: TagBoard | None, path: Path
) -> NDArray[np.uint8] | None:
    """Read a picture to learn from; a bad one is named with its reason and left out."""
    try:
        frame = tools.pictures.read(str(path))
    except PictureUnreadableError as error:
        problem = error.problem
    else:
        problems = pipeline.problems(frame, board)
        if not problems:
            return frame
        problem = said(tools, f"offline.{problems[0]}")
    typer.echo(said(tools, "offline.not_taught", picture=path, problem=problem), err=True)
    return None


def _self_test(tools: OfflineTools) -> int:
    steps: dict[str, Callable[[OfflineTools], None]] = {
        "bundle": lambda t: _must(t.pipeline("base") is not None, "no pipeline"),
        "golden": _golden,
        "code": _code,
        "storage": _storage,
    }
    code = 0
    for name, step in steps.items():
        title = said(tools, f"offline.self_test.{name}")
        try:
            step(tools)
        except (BundleError, InspectionError, _SelfTestError, OSError, sqlite3.Error) as problem:
            typer.echo(said(tools, "offline.self_test.failed", step=title, problem=problem))
            code = FAILED
        else:
            typer.echo(said(tools, "offline.self_test.passed", step=title))
    return code


def _station_test(tools: OfflineTools) -> int:
    code = 0
    for name, check in tools.station_checks().items():
        title = said(tools, f"offline.self_test.{name}")
        try:
            seen = check()
        except OutboxError as problem:
            typer.echo(said(tools, "offline.self_test.failed", step=title, problem=problem))
            code = FAILED
        else:
            typer.echo(said(tools, "offline.self_test.passed", step=f"{title} ({seen})"))
    return code


def _must(holds: bool, problem: str) -> None:
    if not holds:
        raise _SelfTestError(problem)


def _golden(tools: OfflineTools) -> None:
    """Teach woven noise, then find a stain on it and none beside it."""
    generator = np.random.default_rng(7)
    weave = 12 * np.sin(np.arange(320) * 2 * np.pi / 5)
    cloth = [
        np.clip(
            140 + weave[:, None] + weave[None] + 5 * generator.standard_normal((320, 320)), 0, 255
        )
        for _ in range(7)
    ]
    frames = [np.repeat(c[..., None], 3, axis=2).astype(np.uint8) for c in cloth]
    pipeline = tools.pipeline("base")
    bank = pipeline.learn(Lesson(style="self-test", few=True), frames[:6])
    standard = InspectionStandard(
        style="self-test",
        spec_version="self-test",
        points=(),
        stitches=(),
        defects=_NO_LIMITS,
        checks=frozenset({"defects"}),
    )
    clean = pipeline.inspect(frames[6], standard, bank)
    _must(clean.verdict == "PASS", f"a clean picture gave {clean.verdict}")
    stained = frames[6].copy()
    stained[150:180, 200:230] //= 2
    found = pipeline.inspect(stained, standard, bank).findings
    _must(bool(found), "a stain was not found")
    outline = np.array(found[0].polygon_px)
    middle = (outline.min(axis=0) + outline.max(axis=0)) / 2
    _must(bool(np.abs(middle - [215, 165]).max() < 24), f"a stain was found at {middle}")


def _code(tools: OfflineTools) -> None:
    text = "KY1:P:00000000000000000000000000:00000000000000000000000001"
    read = tools.reader.read(tools.code_picture(text))
    _must([code.text for code in read] == [text], "a clean code was not read")


def _storage(_tools: OfflineTools) -> None:
    with tempfile.TemporaryDirectory(prefix="kyndof-self-test-") as folder:
        connection = sqlite3.connect(Path(folder) / "self-test.db")
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE kept (word TEXT)")
            with connection:
                connection.execute("INSERT INTO kept VALUES ('kept')")
            row = connection.execute("SELECT word FROM kept").fetchone()
        finally:
            connection.close()
    _must(row == ("kept",), "the row did not come back")
