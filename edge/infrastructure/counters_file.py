"""The numbers of releases by name, kept twice: what one copy has lost the other still holds."""

import hashlib
import json
import logging
from pathlib import Path

from edge.infrastructure.durable_files import write_durably
from edge.model_bundles.release_counters import ReleaseCounters

_LOG = logging.getLogger("kyndof.models")
_LARGEST_BYTES = 1 << 20


class CountersFile:
    """Two small files with the same content: a digest, then the numbers as JSON."""

    def __init__(self, path: Path) -> None:
        # The spare is written first: no number is acted on before both have it.
        self._places = (path.with_name(f"{path.name}.bak"), path)

    def load(self) -> ReleaseCounters | None:
        """Return the newer of both copies, by the numbers themselves; None without a sound one."""
        copies = [copy for place in self._places if (copy := _read(place)) is not None]
        if not copies:
            return None
        spare, last = copies[0], copies[-1]
        if spare.station_id != last.station_id:
            # The spare is written first.
            return spare
        for name, counter in last.by_name.items():
            spare = spare.verified(name, counter)
        return ReleaseCounters(
            station_id=spare.station_id,
            by_name=spare.by_name,
            of_all=max(spare.of_all, last.of_all),
        )

    def keep(self, counters: ReleaseCounters) -> None:
        """Write both copies; they are on the disk when this returns.

        Raises:
            OSError: one could not be written; what was kept before, or this, is still there.
        """
        content = {
            "station_id": counters.station_id,
            "by_name": dict(counters.by_name),
            "of_all": counters.of_all,
        }
        body = json.dumps(content, sort_keys=True).encode()
        for place in self._places:
            write_durably(place, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


def _read(place: Path) -> ReleaseCounters | None:
    try:
        with place.open("rb") as file:
            digest, _, body = file.read(_LARGEST_BYTES).partition(b"\n")
    except FileNotFoundError:
        return None
    except OSError as error:
        _tell(place, str(error))
        return None
    if hashlib.sha256(body).hexdigest().encode() != digest:
        _tell(place, "its digest is another")
        return None
    try:
        content = json.loads(body)
        return ReleaseCounters(
            station_id=str(content["station_id"]),
            by_name={str(name): int(number) for name, number in content["by_name"].items()},
            of_all=int(content["of_all"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        _tell(place, f"{type(error).__name__}: {error}")
        return None


def _tell(place: Path, reason: str) -> None:
    _LOG.error(
        "release counters damaged",
        extra={"alarm": "COUNTERS_DAMAGED", "reason": reason, "file": place.name},
    )
