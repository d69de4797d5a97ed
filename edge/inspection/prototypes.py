"""Names kinds of flaws from a few corrections each, without training the network again.

A flaw is described by the mean of how its cells depart from their style, and the strongest of it.
Each kind that somebody named becomes a mean of its examples; a new flaw is of the kind whose mean
is nearest in units of the scatter within kinds (linear discriminant). One that is near to none is
no kind at all: `unknown_anomaly`.
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
_SHRINKAGE, _FLOOR = 0.9, 1e-4
_FAR_SCORE = 0.9
_LARGEST_BYTES = 1 << 20


def describe_flaw(departures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Describe a flaw by its cells' whitened ``departures`` (N, C) float32, as (2 C,) float32.

    Only directions count: how strong a flaw shows depends on light and cloth, not on its kind.
    """
    squashed = np.sign(departures) * np.log1p(np.abs(departures))
    strongest = squashed[np.argmax((departures**2).sum(axis=1))]
    parts = (squashed.mean(axis=0), strongest)
    units = [part / max(float(np.linalg.norm(part)), 1e-6) for part in parts]
    return np.concatenate(units).astype(np.float32)


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
        """Name a flaw described by (D,) float32."""
        if not self.kinds:
            return Naming(kind=UNKNOWN, distance_score=float("inf"), confidence_ratio=0.0)
        away = (description - self.means) @ self.whitening
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

    Kinds with fewer than three examples wait for more and are left out.
    """
    known = {k: np.stack(v) for k, v in sorted(examples.items()) if len(v) >= FEWEST_EXAMPLES}
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
    spread = float(np.trace(covariance)) / len(covariance)
    covariance = (1 - _SHRINKAGE) * covariance + (_SHRINKAGE * spread + _FLOOR) * np.eye(
        len(covariance)
    )
    sizes, axes = np.linalg.eigh(covariance)
    return Prototypes(
        kinds=tuple(known),
        means=means.astype(np.float32),
        whitening=((axes / np.sqrt(sizes)) @ axes.T).astype(np.float32),
        far_score=_FAR_SCORE * float(np.sqrt(1 + 1 / min(len(v) for v in known.values()))),
        bundle_digest=bundle_digest,
    )
