"""Names kinds of flaws from a few corrections each, without training the network again.

A flaw is described by how its cells depart from their style, which way and how strongly, and by
the shape that they make. Each kind that somebody named becomes a mean of its examples; a new flaw
is of the kind whose mean is nearest in units of the scatter within kinds (linear discriminant). One
that is near to none is no kind at all: `unknown_anomaly`.
"""

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.inspection.errors import PrototypesCorruptError

FEWEST_EXAMPLES = 3
UNKNOWN = "unknown_anomaly"
"""What a flaw is called that is like no kind."""
_MAGIC, _VERSION = b"KYPT", 2
_HEADER = struct.Struct("<4sHHHfI")
_LEAST_SHRINKAGE, _FLOOR = 0.1, 1e-4
_FAR_SCORE = 0.9
_LARGEST_BYTES = 1 << 20
_CELL_SPREAD = 12.0
"""A cell spreads over a twelfth of its squared side."""


def describe_flaw(departures: NDArray[np.float32], own: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Describe a flaw by the whitened ``departures`` (H, W, C) float32 of its ``own`` (H, W) cells.

    Returns (3 C + 11,) float32: the direction of their mean, of the strongest and of their size in
    each of the C numbers, for how strong a flaw shows depends on light and cloth; its shape; and a
    number that is always 1, by which a prototype can be set farther off than it lies.
    Descriptions of earlier stations are the first 2 C of these.
    """
    cells = departures[own]
    squashed = np.sign(cells) * np.log1p(np.abs(cells))
    strongest = squashed[np.argmax((cells**2).sum(axis=1))]
    parts = (squashed.mean(axis=0), strongest, np.sqrt((squashed**2).mean(axis=0)))
    units = [part / max(float(np.linalg.norm(part)), 1e-6) for part in parts]
    return np.concatenate([*units, _shape(cells, own), [1.0]]).astype(np.float32)


def _shape(cells: NDArray[np.float32], own: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Size, shape, course and strength (10,) of the ``own`` (H, W) cells that depart (N, C)."""
    places = np.argwhere(own)
    around = places - places.mean(axis=0)
    spreads, axes = np.linalg.eigh(around.T @ around / len(places) + np.eye(2) / _CELL_SPREAD)
    long = 1 - np.sqrt(spreads[0] / spreads[1])
    angle = np.arctan2(axes[0, 1], axes[1, 1])
    high, wide = np.ptp(places, axis=0) + 1
    sizes = np.sqrt((cells.astype(np.float64) ** 2).mean(axis=1))
    return np.array(
        [
            np.log(len(places)) / 3,
            long,
            long * np.cos(2 * angle),
            long * np.sin(2 * angle),
            len(places) / (high * wide),
            np.log(4 * np.sqrt(spreads[1])) / 2,
            np.log(4 * np.sqrt(spreads[0])) / 2,
            np.log1p(sizes.max()) / 2,
            np.log1p(sizes.mean()) / 2,
            np.log1p(sizes.std()) / 2,
        ]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """The kind that a flaw is nearest to, or ``unknown_anomaly``.

    ``confidence_ratio`` is 1 on the kind's mean and 0 where another kind, or none, is as near.
    """

    kind: str
    distance_score: float
    confidence_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prototypes:
    """Means (K, D) float32 of ``kinds`` and the whitening (D, D) float32 within kinds.

    ``far_score`` is the distance, in scatters, beyond which a flaw is of no kind. The bundle whose
    descriptions these are is named by its digest.
    """

    kinds: tuple[str, ...]
    means: NDArray[np.float32]
    whitening: NDArray[np.float32]
    far_score: float
    bundle_digest: str = ""

    def name(self, description: NDArray[np.float32]) -> Naming:
        """Name a flaw described by (D,) float32; numbers that it does not know are left aside."""
        if not self.kinds:
            return Naming(kind=UNKNOWN, distance_score=float("inf"), confidence_ratio=0.0)
        away = (description[: self.means.shape[1]] - self.means) @ self.whitening
        distances = np.sqrt(np.mean(away * away, axis=1))
        nearest = int(distances.argmin())
        distance = float(distances[nearest])
        others = np.delete(distances, nearest)
        rival = min(self.far_score, float(others.min(initial=np.inf)))
        kind = self.kinds[nearest] if distance < rival else UNKNOWN
        ratio = max(0.0, 1.0 - distance / max(rival, 1e-9))
        return Naming(kind=kind, distance_score=distance, confidence_ratio=ratio)

    def to_bytes(self) -> bytes:
        """Serialize; the same prototypes give the same bytes."""
        body = bytearray()
        for text in (self.bundle_digest, *self.kinds):
            encoded = text.encode()
            body += struct.pack("<H", len(encoded)) + encoded
        body += self.means.astype("<f4").tobytes() + self.whitening.astype("<f4").tobytes()
        counts = (len(self.kinds), len(self.whitening))
        head = _HEADER.pack(_MAGIC, _VERSION, *counts, self.far_score, zlib.crc32(body))
        return head + bytes(body)

    @staticmethod
    def from_bytes(data: bytes) -> "Prototypes":
        """Read what :meth:`to_bytes` wrote.

        Raises:
            PrototypesCorruptError: cut off, changed, or of another version.
        """
        if not _HEADER.size <= len(data) <= _LARGEST_BYTES:
            raise PrototypesCorruptError(f"{len(data)} bytes is not a possible size")
        magic, version, count, width, far, checksum = _HEADER.unpack_from(data)
        body = data[_HEADER.size :]
        if magic != _MAGIC or version != _VERSION:
            raise PrototypesCorruptError("it does not begin like version 2")
        if zlib.crc32(body) != checksum:
            raise PrototypesCorruptError("its checksum does not match")
        try:
            return _read(body, count, width, far)
        except (struct.error, ValueError, UnicodeDecodeError) as problem:
            raise PrototypesCorruptError("it is cut off") from problem


def _read(body: bytes, count: int, width: int, far: float) -> Prototypes:
    texts, place = [], 0
    for _ in range(1 + count):
        (length,) = struct.unpack_from("<H", body, place)
        texts.append(body[place + 2 : place + 2 + length].decode())
        place += 2 + length
    numbers = np.frombuffer(body, "<f4", offset=place).astype(np.float32)
    if len(numbers) != (count + width) * width or not np.isfinite([far, *numbers]).all():
        raise PrototypesCorruptError("it holds impossible numbers")
    means, whitening = numbers[: count * width], numbers[count * width :]
    return Prototypes(
        kinds=tuple(texts[1:]),
        bundle_digest=texts[0],
        means=means.reshape(count, width),
        whitening=whitening.reshape(width, width),
        far_score=far,
    )


def learn_prototypes(
    examples: Mapping[str, Sequence[NDArray[np.float32]]], bundle_digest: str = ""
) -> Prototypes:
    """Learn kinds from corrected flaws, each described by (D,) float32; takes milliseconds.

    Kinds with fewer than three examples wait for more and are left out. Descriptions begin alike,
    so beside some of an earlier station only the numbers count that all have.
    """
    common = min((len(one) for own in examples.values() for one in own), default=0)
    known = {
        kind: np.stack([one[:common] for one in own])
        for kind, own in sorted(examples.items())
        if len(own) >= FEWEST_EXAMPLES
    }
    if not known:
        nothing = np.zeros((0, 0), dtype=np.float32)
        return Prototypes(
            kinds=(),
            means=nothing,
            whitening=nothing,
            far_score=_FAR_SCORE,
            bundle_digest=bundle_digest,
        )
    means = np.stack([values.mean(axis=0) for values in known.values()])
    within = np.concatenate(
        [values - mean for values, mean in zip(known.values(), means, strict=True)]
    ).astype(np.float64)
    covariance = within.T @ within / max(1, len(within) - len(known))
    width, spread = len(covariance), float(np.trace(covariance)) / len(covariance)
    shrinkage = max(_LEAST_SHRINKAGE, width / (width + 2 * len(within)))
    covariance = (1 - shrinkage) * covariance + (shrinkage * spread + _FLOOR) * np.eye(width)
    sizes, axes = np.linalg.eigh(covariance)
    return Prototypes(
        kinds=tuple(known),
        means=means.astype(np.float32),
        whitening=((axes / np.sqrt(sizes)) @ axes.T).astype(np.float32),
        far_score=_FAR_SCORE * float(np.sqrt(1 + 1 / min(len(v) for v in known.values()))),
        bundle_digest=bundle_digest,
    )
