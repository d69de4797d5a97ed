"""Scanners on a serial line."""

import asyncio
import logging

import serial

from edge.infrastructure.hid_scanner import LineGatherer, OnScan

_LOG = logging.getLogger(__name__)
_RETRY_S = 1.0


class SerialScanner:
    """Reads lines from a port and opens it again when it is plugged in anew."""

    def __init__(self, path: str, baud: int, on_scan: OnScan) -> None:
        self.plugged = False
        self._path = path
        self._baud = baud
        self._on_scan = on_scan

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            try:
                port = serial.Serial(self._path, self._baud, timeout=0.2)
            except serial.SerialException:
                await asyncio.sleep(_RETRY_S)
                continue
            self.plugged = True
            try:
                await self._read(port)
            except serial.SerialException as error:
                _LOG.warning("scanner unplugged", extra={"reason": str(error)})
            finally:
                self.plugged = False
                port.close()
            await asyncio.sleep(_RETRY_S)

    async def _read(self, port: serial.Serial) -> None:
        gatherer = LineGatherer()
        while True:
            data: bytes = await asyncio.to_thread(port.read, 256)
            for text in gatherer.feed(data):
                self._on_scan(text, "serial")
