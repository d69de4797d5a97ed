"""The scanner that an address names."""

from collections.abc import Callable, Coroutine
from pathlib import Path

from edge.infrastructure.hid_scanner import HidScanner, OnScan
from edge.infrastructure.serial_scanner import SerialScanner
from edge.scanning.address import ScannerAddress

Opened = tuple[Callable[[], bool], dict[str, Coroutine[object, object, None]]]


def open_scanner(address: ScannerAddress, on_scan: OnScan) -> Opened:
    """Return whether the scanner is plugged in, and its loop; no loop where none is set."""
    if address.kind == "none":
        return lambda: True, {}
    if address.kind == "hid":
        hid = HidScanner(Path(address.target), on_scan)
        return lambda: hid.plugged, {"scanner": hid.run()}
    line = SerialScanner(address.target, address.baud, on_scan)
    return lambda: line.plugged, {"scanner": line.run()}
