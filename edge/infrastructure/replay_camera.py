"""Pictures from a folder in place of a camera: in name order, or the newest renamed into it."""

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.capture.address import CameraAddress
from edge.capture.capabilities import CameraCapabilities, ControlRange
from edge.capture.errors import CameraAddressError
from edge.capture.ports import STALE_NS, Frame
from edge.infrastructure.frame_pictures import decode_pixels

_PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
_POLL_S = 0.05
_FRAMES_PER_S = ControlRange(minimum=0.1, maximum=120)
_STOPS_RATIO = 16.0


def _is_picture(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in _PICTURES


class ReplayCamera:
    """Plays a folder's pictures in name order at a fixed rate.

    With the exposure that they were taken with (``taken_us``) it can be set to another one: the
    pictures then get as much brighter or darker as the light that would have fallen in.
    """

    def __init__(self, address: CameraAddress) -> None:
        folder, taken_us, wished = Path(address.target), address.taken_us, address.wished
        if not folder.is_dir():
            raise CameraAddressError(f"KYNDOF_CAMERA: {folder} is no folder")
        self._paths = sorted(p for p in folder.iterdir() if _is_picture(p.name))
        if not self._paths:
            raise CameraAddressError(f"KYNDOF_CAMERA: no pictures in {folder}")
        self._folder = folder
        self._fps = wished.frames_per_s or address.frames_per_s
        self._taken_us = taken_us
        exposed = taken_us is not None and wished.exposure_us is not None
        self._light_ratio = (wished.exposure_us or 0) / (taken_us or 1) if exposed else 1.0
        self._loop = address.loop
        self._began_ns = time.monotonic_ns()
        self._held: tuple[tuple[Path, int], Frame] | None = None

    def newest(self) -> Frame | None:
        """Return the picture whose turn it is; None when the last has been shown."""
        now = time.monotonic_ns()
        sequence = int((now - self._began_ns) / 1e9 * self._fps)
        if not self._loop and sequence >= len(self._paths):
            return None
        path = self._paths[sequence % len(self._paths)]
        held = self._held
        try:
            mark = (path, path.stat().st_mtime_ns)
            if held is None or held[0] != mark:
                held = self._held = (mark, self._exposed(path.read_bytes()))
        except OSError:
            return None
        return replace(held[1], sequence=sequence, seen_ns=now)

    def _exposed(self, content: bytes) -> Frame:
        """Return a picture in the light of the wished exposure; as it is when that is its own."""
        as_it_is = Frame(sequence=0, seen_ns=0, encoded=content)
        if self._light_ratio == 1:
            return as_it_is
        pixels = decode_pixels(as_it_is)
        if pixels is None:
            return as_it_is
        # sRGB is close to a power of 2.2: twice the light is not twice the number.
        shades = (np.arange(256) / 255) ** 2.2 * self._light_ratio
        table = np.round(255 * np.minimum(1, shades) ** (1 / 2.2)).astype(np.uint8)
        return Frame(sequence=0, seen_ns=0, pixels=np.ascontiguousarray(table[pixels][:, :, ::-1]))

    def capabilities(self) -> CameraCapabilities:
        """Return what it can be set to: the rate, and the exposure where the own one is known."""
        controls = {"frames_per_s": _FRAMES_PER_S}
        if self._taken_us is not None:
            controls["exposure_us"] = ControlRange(
                minimum=self._taken_us / _STOPS_RATIO, maximum=self._taken_us * _STOPS_RATIO
            )
        return CameraCapabilities(camera=f"replay:{self._folder.name}", controls=controls)

    def describe(self) -> str:
        """Return what it is."""
        return f"replay of {len(self._paths)} pictures in {self._folder}"

    def close(self) -> None:
        """Nothing is held."""


class FollowCamera:
    """Gives the newest picture renamed into a folder; silence for two seconds means unplugged."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._frame: Frame | None = None
        self._mark: tuple[str, int, int] | None = None
        self._folder_mark = -1
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="follow", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(_POLL_S):
            self._look()

    def _look(self) -> None:
        """Take a picture that was renamed in since the last look."""
        with self._lock:
            try:
                folder_mark = self._folder.stat().st_mtime_ns
                if folder_mark == self._folder_mark:
                    return
                newest = self._newest_entry()
                if newest is not None and newest[0] != self._mark:
                    mark, path, age_ns = newest
                    sequence = self._frame.sequence + 1 if self._frame else 0
                    seen_ns = time.monotonic_ns() - age_ns
                    content = path.read_bytes()
                    self._frame = Frame(sequence=sequence, seen_ns=seen_ns, encoded=content)
                    self._mark = mark
                self._folder_mark = folder_mark
            except OSError:
                # The folder or the picture went away under the look; the next one is soon.
                return

    def _newest_entry(self) -> tuple[tuple[str, int, int], Path, int] | None:
        """Return mark, path and age of the picture that arrived last.

        A rename sets the inode's change time, while its modification time stays that of writing.
        """
        newest: os.DirEntry[str] | None = None
        newest_ns = -1
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if _is_picture(entry.name) and entry.stat().st_ctime_ns > newest_ns:
                    newest, newest_ns = entry, entry.stat().st_ctime_ns
        if newest is None:
            return None
        mark = (newest.name, newest_ns, newest.inode())
        # At the first look a picture may be old; afterwards it has just arrived.
        age_ns = max(0, time.time_ns() - newest_ns) if self._mark is None else 0
        return mark, Path(newest.path), age_ns

    def newest(self) -> Frame | None:
        """Return the newest picture, None when it is older than two seconds."""
        self._look()
        frame = self._frame
        if frame is None or time.monotonic_ns() - frame.seen_ns > STALE_NS:
            return None
        return frame

    def describe(self) -> str:
        """Return what it is."""
        return f"newest picture in {self._folder}"

    def capabilities(self) -> CameraCapabilities:
        """Return that nothing can be set: whoever renames pictures in decides."""
        return CameraCapabilities(camera=f"follow:{self._folder.name}")

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join(1)
