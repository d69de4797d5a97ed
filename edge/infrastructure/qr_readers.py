"""Code readers: zxing-cpp first, zbar and OpenCV as second opinions."""

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from edge.inspection.ports import Stopwatch
from edge.scanning.code import Code, Corner, agreed, without_repeats
from edge.scanning.ports import CodeReader

Grey = NDArray[np.uint8]
_FORMATS = zxingcpp.BarcodeFormats(
    [
        zxingcpp.BarcodeFormat.QRCode,
        zxingcpp.BarcodeFormat.MicroQRCode,
        zxingcpp.BarcodeFormat.RMQRCode,
    ]
)
_LARGE_PX = 5_000_000


def grey_of(frame: NDArray[np.uint8]) -> Grey:
    """Return the brightness (H, W) uint8 of ``frame`` (H, W, 3) uint8 RGB."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def read_with_zxing(
    grey: Grey, scale: float = 1.0, *, histogram: bool = False, offset: Corner = (0.0, 0.0)
) -> list[Code]:
    """Read ``grey`` (H, W) uint8, a picture that is ``scale`` times the frame, from ``offset``."""
    binarizer = zxingcpp.Binarizer.GlobalHistogram if histogram else zxingcpp.Binarizer.LocalAverage
    found = zxingcpp.read_barcodes(
        grey, formats=_FORMATS, binarizer=binarizer, text_mode=zxingcpp.TextMode.Plain
    )
    codes = []
    for barcode in found:
        place = barcode.position
        points = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
        corners = [
            ((p.x + 0.5) / scale - 0.5 + offset[0], (p.y + 0.5) / scale - 0.5 + offset[1])
            for p in points
        ]
        if barcode.valid and barcode.text:
            codes.append(_code(barcode.text, str(barcode.format), corners, "zxing-cpp"))
    return codes


def _code(text: str, form: str, corners: list[Corner], reader: str) -> Code:
    first, second, third, fourth = corners
    return Code(text=text, format=form, corners_px=(first, second, third, fourth), reader=reader)


class ZxingReader:
    """Implements ``CodeReader`` by one plain read."""

    def read(self, frame: NDArray[np.uint8]) -> tuple[Code, ...]:
        """Read ``frame`` (H, W, 3) uint8 RGB."""
        return without_repeats(agreed(read_with_zxing(grey_of(frame))))


class OpenCvReader:
    """Implements ``CodeReader`` by OpenCV's decoder, for plain ASCII texts only.

    It guesses other character sets wrongly, and no text is better than a wrong one.
    """

    def read(self, frame: NDArray[np.uint8]) -> tuple[Code, ...]:
        """Read ``frame`` (H, W, 3) uint8 RGB."""
        grey, scale = _limited(grey_of(frame), 500_000)
        try:
            text, corners, _ = cv2.QRCodeDetector().detectAndDecode(grey)
        except (cv2.error, UnicodeDecodeError):
            return ()
        if not text or corners is None or not _plain(text):
            return ()
        places = [
            (float(x) / scale, float(y) / scale) for x, y in np.asarray(corners).reshape(-1, 2)[:4]
        ]
        return (_code(text, "QR Code", places, "opencv"),)


class ZbarReader:
    """Implements ``CodeReader`` by zbar, for plain ASCII texts only.

    Raises:
        ImportError: zbar is not installed on this system.
    """

    def __init__(self) -> None:
        from pyzbar import pyzbar  # noqa: PLC0415 - the system's library may be missing

        self._decode = pyzbar.decode
        self._symbols = [pyzbar.ZBarSymbol.QRCODE]

    def read(self, frame: NDArray[np.uint8]) -> tuple[Code, ...]:
        """Read ``frame`` (H, W, 3) uint8 RGB."""
        codes = []
        grey, scale = _limited(grey_of(frame), 1_000_000)
        for found in self._decode(grey, symbols=self._symbols):
            text = found.data.decode("utf-8", "replace")
            if text and _plain(text) and len(found.polygon) == 4:
                corners = [(p.x / scale, p.y / scale) for p in found.polygon]
                codes.append(_code(text, "QR Code", corners, "zbar"))
        return tuple(codes)


def _limited(grey: Grey, most_px: int) -> tuple[Grey, float]:
    """Shrink ``grey`` (H, W) uint8 to at most that many pixels; the second is its scale."""
    scale = min(1.0, (most_px / grey.size) ** 0.5)
    if scale == 1.0:
        return grey, scale
    smaller = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(smaller, dtype=np.uint8), scale


def _plain(text: str) -> bool:
    return all(" " <= letter <= "~" for letter in text)


class PatientReader:
    """Implements ``CodeReader`` by trying harder until a code is read or time is up.

    Second opinions are asked when zxing-cpp has read nothing; where two readings of one place
    differ, neither counts.
    """

    def __init__(
        self, opinions: tuple[CodeReader, ...], stopwatch: Stopwatch, patience_ms: float = 90
    ) -> None:
        self._opinions = opinions
        self._stopwatch = stopwatch
        self._patience_s = patience_ms / 1000

    def read(self, frame: NDArray[np.uint8]) -> tuple[Code, ...]:
        """Read ``frame`` (H, W, 3) uint8 RGB."""
        start = self._stopwatch()
        slowest = 0.0
        for attempt in self._attempts(frame):
            before = self._stopwatch()
            codes = without_repeats(agreed(attempt()))
            if codes:
                return codes
            now = self._stopwatch()
            slowest = max(slowest, now - before)
            if now - start + slowest > self._patience_s:
                break
        return ()

    def _attempts(self, frame: NDArray[np.uint8]) -> Iterator[Callable[[], list[Code]]]:
        """Yield readings of ``frame`` (H, W, 3) uint8, the most promising first."""
        grey = grey_of(frame)
        pixels = grey.size
        if pixels > _LARGE_PX:
            yield lambda: _read_scaled(grey, 0.5)
        yield lambda: read_with_zxing(grey)
        if pixels <= _LARGE_PX // 4:
            yield lambda: _read_scaled(grey, 2.0)
        yield lambda: read_with_zxing(grey, histogram=True)
        yield lambda: _read_scaled(grey, 0.5)
        yield lambda: _read_scaled(grey, 0.5, histogram=True)
        yield lambda: read_with_zxing(_sharper(grey))
        yield lambda: read_with_zxing(_evened(grey))
        for opinion in self._opinions:
            yield lambda opinion=opinion: list(opinion.read(frame))  # type: ignore[misc]
        yield lambda: _read_scaled(grey, 0.33, histogram=True)
        yield lambda: _read_scaled(_evened(grey), 1.5, histogram=True)


def _read_scaled(grey: Grey, scale: float, *, histogram: bool = False) -> list[Code]:
    """Read ``grey`` (H, W) uint8 in another size."""
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=method)
    return read_with_zxing(np.asarray(scaled, dtype=np.uint8), scale, histogram=histogram)


def _sharper(grey: Grey) -> Grey:
    """Sharpen ``grey`` (H, W) uint8."""
    soft = cv2.GaussianBlur(grey, (0, 0), 2)
    return np.asarray(cv2.addWeighted(grey, 2.5, soft, -1.5, 0), dtype=np.uint8)


def _evened(grey: Grey) -> Grey:
    """Even out the light of ``grey`` (H, W) uint8."""
    return np.asarray(cv2.createCLAHE(3.0, (8, 8)).apply(grey), dtype=np.uint8)


class ReaderAsCodeFinder:
    """Implements the inspection's ``CodeFinder`` by a reader."""

    def __init__(self, reader: CodeReader) -> None:
        self._reader = reader

    def find(self, frame: NDArray[np.uint8]) -> tuple[NDArray[np.float64], ...]:
        """Return corners (4, 2) float64 px of each code in ``frame`` (H, W, 3) uint8."""
        return tuple(code.corners() for code in self._reader.read(frame))


def code_picture(text: str, module_px: int = 6) -> NDArray[np.uint8]:
    """Draw ``text`` as a QR code with error correction H; returns (H, W, 3) uint8 RGB."""
    barcode = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="H")
    drawn = np.array(barcode.to_image(scale=module_px, add_quiet_zones=True), dtype=np.uint8)
    border = np.pad(drawn, 4 * module_px, constant_values=255)
    return np.asarray(cv2.cvtColor(border, cv2.COLOR_GRAY2RGB), dtype=np.uint8)
