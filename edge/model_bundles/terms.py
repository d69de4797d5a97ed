"""What a bundle's signed manifest says of it beside the digests of its files."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LARGEST_COUNTER = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Order among releases, limits and what it fits.

    ``latency_ms`` bounds one tile of 512 px through all its networks, ``memory_mb`` what loading
    and running them adds to a process. Banks taught with the bundles of ``banks_of`` hold for it.
    """

    release_counter: int = 0
    allow_rollback_to: tuple[str, ...] = ()
    expires_at: datetime | None = None
    latency_ms: float = 1_000.0
    memory_mb: int = 512
    banks_of: tuple[str, ...] = ()


def read_terms(manifest: Mapping[str, object]) -> Terms:
    """Read the terms; what is not said has its default.

    Raises:
        ValueError: something is said that cannot be; the sentence names it.
    """
    limits, compat = _part(manifest, "limits"), _part(manifest, "compat")
    counter = manifest.get("release_counter", 0)
    if not isinstance(counter, int) or isinstance(counter, bool):
        raise ValueError("release_counter")  # noqa: TRY004 - one error for all
    if not 0 <= counter < _LARGEST_COUNTER:
        raise ValueError("release_counter")
    default = Terms()
    return Terms(
        release_counter=counter,
        allow_rollback_to=_digests(manifest, "allow_rollback_to"),
        expires_at=_moment(manifest.get("expires_at")),
        latency_ms=_positive(limits, "latency_ms", default.latency_ms),
        memory_mb=int(_positive(limits, "memory_mb", default.memory_mb)),
        banks_of=_digests(compat, "banks_of"),
    )


def _part(manifest: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = manifest.get(name, {})
    if not isinstance(found, dict):
        raise ValueError(name)  # noqa: TRY004 - one error for all
    return found


def _digests(manifest: Mapping[str, object], name: str) -> tuple[str, ...]:
    found = manifest.get(name, [])
    if not isinstance(found, list) or not all(
        isinstance(one, str) and _SHA256.fullmatch(one) for one in found
    ):
        raise ValueError(name)
    return tuple(found)


def _moment(value: object) -> datetime | None:
    if value is None:
        return None
    moment = datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError("expires_at")
    return moment


def _positive(part: Mapping[str, object], name: str, default: float) -> float:
    found = part.get(name, default)
    if not isinstance(found, int | float) or isinstance(found, bool) or not 0 < found < 1e9:
        raise ValueError(name)
    return float(found)
