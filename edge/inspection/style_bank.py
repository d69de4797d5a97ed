"""What a style's good pieces look like, small enough to travel."""

import struct
import zlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.inspection.errors import StyleBankCorruptError

_MAGIC = b"KYSB"
_VERSIONS = _PLAIN, _WITH_LOOKS = 3, 4
_HEADER = struct.Struct("<4sHHHHffII")
_SCALE = struct.Struct("<H6f")
_LOOKS = struct.Struct("<5f")
MAX_BYTES = 10 * 1024
MAX_JUDGE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScaleStatistics:
    """Statistics of one magnification; ``factor`` shrinks the frame first (1 is full size).

    ``mean`` is (C,) float32, ``whitening`` (C, C) float32 is symmetric. ``bank_centre_score`` and
    ``bank_spread_score`` are median and robust spread of cells' distances on good pieces,
    ``head_centre_score`` and ``head_spread_score`` those of the network's logits. ``limit_score``
    is the sum of both robust z that good pieces stay below, but for the stated overkill;
    ``bank_share_ratio`` is how much the distance counts in that sum.
    """

    factor: int
    mean: NDArray[np.float32]
    whitening: NDArray[np.float32]
    bank_centre_score: float
    bank_spread_score: float
    head_centre_score: float
    head_spread_score: float
    limit_score: float
    bank_share_ratio: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """How good pieces look as a whole: a colour in CIELAB, and how far a piece may be from it.

    ``texture_limit_score`` is how far the middle of its cells may be, in scatters of cells.
    """

    lightness_score: float
    red_green_score: float
    yellow_blue_score: float
    colour_limit_score: float
    texture_limit_score: float

    def numbers(self) -> tuple[float, float, float, float, float]:
        """Return all five in the order of the fields."""
        return (
            self.lightness_score,
            self.red_green_score,
            self.yellow_blue_score,
            self.colour_limit_score,
            self.texture_limit_score,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StyleBank:
    """Statistics of a style. ``mm_per_px`` is None where it was taught without a board.

    ``judge`` is a network of this style's own in ONNX, empty where none was trained. Without it a
    bank has at most 10 KB, and the judge at most 1 MB. ``looks`` tells another style's cloth; banks
    of before have none.
    """

    style: str
    bundle_digest: str
    piece_count: int
    overkill_ratio: float
    mm_per_px: float | None
    scales: tuple[ScaleStatistics, ...]
    judge: bytes = b""
    looks: Looks | None = None

    @property
    def threshold_score(self) -> float:
        """Score at full size above which a piece departs from its style."""
        return self.scales[0].limit_score

    def to_bytes(self) -> bytes:
        """Serialize; the same bank gives the same bytes."""
        body = bytearray()
        for text in (self.style, self.bundle_digest):
            encoded = text.encode()
            body += struct.pack("<H", len(encoded)) + encoded
        if self.looks is not None:
            body += _LOOKS.pack(*self.looks.numbers())
        for scale in self.scales:
            body += _written_scale(scale)
        body += self.judge
        header = _HEADER.pack(
            _MAGIC,
            _PLAIN if self.looks is None else _WITH_LOOKS,
            len(self.scales[0].mean),
            len(self.scales),
            self.piece_count,
            self.overkill_ratio,
            self.mm_per_px or 0.0,
            len(self.judge),
            zlib.crc32(body),
        )
        return header + bytes(body)

    @staticmethod
    def from_bytes(data: bytes) -> "StyleBank":
        """Read what :meth:`to_bytes` wrote.

        Raises:
            StyleBankCorruptError: cut off, changed, or of another version.
        """
        if not _HEADER.size <= len(data) <= MAX_BYTES + MAX_JUDGE_BYTES:
            raise StyleBankCorruptError(f"{len(data)} bytes is not a possible size")
        magic, version, channels, scales, *numbers, judge, checksum = _HEADER.unpack_from(data)
        body = data[_HEADER.size :]
        if magic != _MAGIC:
            raise StyleBankCorruptError("it does not begin like one")
        if version not in _VERSIONS:
            raise StyleBankCorruptError(f"version {version} is unknown, not one of {_VERSIONS}")
        if zlib.crc32(body) != checksum:
            raise StyleBankCorruptError("its checksum does not match")
        if judge > MAX_JUDGE_BYTES or not 0 <= len(body) - judge <= MAX_BYTES:
            raise StyleBankCorruptError("its parts do not fit its length")
        statistics = body[: len(body) - judge]
        shape = (channels, scales, version == _WITH_LOOKS)
        bank = _read_body(statistics, shape, numbers)
        return replace(bank, judge=body[len(statistics) :])


def _written_scale(scale: ScaleStatistics) -> bytes:
    numbers = _SCALE.pack(
        scale.factor,
        scale.bank_centre_score,
        scale.bank_spread_score,
        scale.head_centre_score,
        scale.head_spread_score,
        scale.limit_score,
        scale.bank_share_ratio,
    )
    upper = scale.whitening[np.triu_indices(len(scale.mean))]
    arrays = (scale.mean, upper)
    return numbers + b"".join(values.astype("<f4").tobytes() for values in arrays)


def _read_body(body: bytes, shape: tuple[int, int, bool], numbers: list[float]) -> StyleBank:
    channels, scales, with_looks = shape
    texts, place = [], 0
    looks = None
    try:
        for _ in range(2):
            (length,) = struct.unpack_from("<H", body, place)
            texts.append(body[place + 2 : place + 2 + length].decode())
            place += 2 + length
        if with_looks:
            looks = _read_looks(body, place)
            place += _LOOKS.size
        read = []
        for _ in range(scales):
            read.append(_read_scale(body, place, channels))
            place += _SCALE.size + 4 * (channels + channels * (channels + 1) // 2)
    except (struct.error, ValueError, UnicodeDecodeError) as problem:
        raise StyleBankCorruptError("it is cut off") from problem
    if place != len(body) or not read:
        raise StyleBankCorruptError("its length does not match its header")
    pieces, overkill_ratio, mm_per_px = numbers
    return StyleBank(
        style=texts[0],
        bundle_digest=texts[1],
        piece_count=int(pieces),
        overkill_ratio=overkill_ratio,
        mm_per_px=mm_per_px or None,
        scales=tuple(read),
        looks=looks,
    )


def _read_looks(body: bytes, place: int) -> Looks:
    told = _LOOKS.unpack_from(body, place)
    if not np.isfinite(told).all() or min(told[3:]) <= 0:
        raise StyleBankCorruptError("it holds impossible numbers")
    lightness_score, red_green_score, yellow_blue_score, colour_limit_score, texture = told
    return Looks(
        lightness_score=lightness_score,
        red_green_score=red_green_score,
        yellow_blue_score=yellow_blue_score,
        colour_limit_score=colour_limit_score,
        texture_limit_score=texture,
    )


def _read_scale(body: bytes, place: int, channels: int) -> ScaleStatistics:
    factor, *numbers = _SCALE.unpack_from(body, place)
    bank_centre_score, bank_spread_score, head_centre_score, head_spread_score = numbers[:4]
    limit, share = numbers[4:]
    counts = (channels, channels * (channels + 1) // 2)
    arrays, place = [], place + _SCALE.size
    for count in counts:
        arrays.append(np.frombuffer(body, "<f4", count, place).astype(np.float32))
        place += 4 * count
    finite = np.isfinite(numbers).all() and all(np.isfinite(values).all() for values in arrays)
    if not finite or min(bank_spread_score, head_spread_score) <= 0 or factor < 1:
        raise StyleBankCorruptError("it holds impossible numbers")
    mean, upper = arrays
    whitening = np.zeros((channels, channels), dtype=np.float32)
    whitening[np.triu_indices(channels)] = upper
    whitening += np.triu(whitening, 1).T
    return ScaleStatistics(
        factor=factor,
        mean=mean,
        whitening=whitening,
        bank_centre_score=bank_centre_score,
        bank_spread_score=bank_spread_score,
        head_centre_score=head_centre_score,
        head_spread_score=head_spread_score,
        limit_score=limit,
        bank_share_ratio=share,
    )
