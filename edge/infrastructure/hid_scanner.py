"""USB scanners: lines through a FIFO, or key events of a Linux input device."""

import asyncio
import errno
import fcntl
import logging
import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path

_LOG = logging.getLogger(__name__)
_RETRY_S = 1.0
_LONGEST = 1024
_EVENT = struct.Struct("llHHi")  # struct input_event: seconds, microseconds, type, code, value
_EV_KEY, _DOWN = 1, 1
_GRAB = 0x40044590  # EVIOCGRAB: keys of the scanner shall not also reach the desktop
_SHIFTS, _ENTERS = {42, 54}, {28, 96}
_ROWS = {
    2: "1234567890-=",
    16: "qwertyuiop[]",
    30: "asdfghjkl;'`",
    43: "\\zxcvbnm,./",
    57: " ",
}
_KEYS = {first + i: sign for first, row in _ROWS.items() for i, sign in enumerate(row)}
_SHIFTED = dict(zip("1234567890-=[];'`\\,./", '!@#$%^&*()_+{}:"~|<>?', strict=True))

OnScan = Callable[[str, str], None]


class LineGatherer:
    """Cuts bytes into lines; a line longer than any code is dropped whole."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that are complete now."""
        *lines, self._rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        self._rest = self._rest[-_LONGEST:]
        texts = [line.decode("utf-8", "replace").strip() for line in lines]
        return [text for text in texts if text and len(text) <= _LONGEST]


class KeyGatherer:
    """Turns key events of a US keyboard, which scanners pretend to be, into lines."""

    def __init__(self) -> None:
        self._rest = b""
        self._shift = False
        self._typed = ""

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that are complete now."""
        data = self._rest + data
        whole = len(data) - len(data) % _EVENT.size
        self._rest = data[whole:]
        lines: list[str] = []
        for _, _, kind, code, value in _EVENT.iter_unpack(data[:whole]):
            if kind == _EV_KEY and (line := self._key(code, value)):
                lines.append(line)
        return lines

    def _key(self, code: int, value: int) -> str | None:
        if code in _SHIFTS:
            self._shift = value != 0
        elif value == _DOWN and code in _ENTERS:
            typed, self._typed = self._typed.strip(), ""
            return typed or None
        elif value == _DOWN and code in _KEYS:
            sign = _KEYS[code]
            shifted = _SHIFTED.get(sign, sign.upper())
            self._typed = (self._typed + (shifted if self._shift else sign))[-_LONGEST:]
        return None


class HidScanner:
    """Reads one scanner and opens it again when it is plugged in anew."""

    def __init__(self, path: Path, on_scan: OnScan) -> None:
        self.plugged = False
        self._path = path
        self._on_scan = on_scan

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            try:
                descriptor = self._open()
            except OSError as error:
                if error.errno not in {errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EACCES}:
                    raise
                await asyncio.sleep(_RETRY_S)
                continue
            self.plugged = True
            try:
                await self._read(descriptor)
            finally:
                self.plugged = False
                os.close(descriptor)
            await asyncio.sleep(_RETRY_S)

    def _open(self) -> int:
        if not self._path.exists() and self._path.parent.is_dir() and self._path.parts[1] != "dev":
            os.mkfifo(self._path, 0o600)
        # Open for writing too: a FIFO whose last writer leaves would report its end for ever.
        is_fifo = stat.S_ISFIFO(self._path.stat().st_mode)
        mode = os.O_RDWR if is_fifo else os.O_RDONLY
        descriptor = os.open(self._path, mode | os.O_NONBLOCK)
        if not is_fifo and stat.S_ISCHR(os.fstat(descriptor).st_mode):
            try:
                fcntl.ioctl(descriptor, _GRAB, 1)
            except OSError as error:
                _LOG.warning("scanner not grabbed", extra={"reason": str(error)})
        return descriptor

    async def _read(self, descriptor: int) -> None:
        """Feed what arrives to the gatherer until the device goes away."""
        loop = asyncio.get_running_loop()
        keys = stat.S_ISCHR(os.fstat(descriptor).st_mode)
        gatherer: KeyGatherer | LineGatherer = KeyGatherer() if keys else LineGatherer()
        gone = loop.create_future()

        def ready() -> None:
            try:
                data = os.read(descriptor, 4096)
            except BlockingIOError:
                return
            except OSError as error:
                _LOG.warning("scanner unplugged", extra={"reason": str(error)})
                data = b""
            if not data:
                loop.remove_reader(descriptor)
                gone.set_result(None)
            for text in gatherer.feed(data):
                self._on_scan(text, "hid")

        loop.add_reader(descriptor, ready)
        try:
            await gone
        finally:
            loop.remove_reader(descriptor)
