"""Which bundles a station has, kept so that a power cut leaves the old record or the new one."""

import hashlib
import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from edge.infrastructure.durable_files import write_durably
from edge.model_bundles.errors import SlotsDamagedError
from edge.model_bundles.trial import Slots, Tally, Trial, TrialRules, TrialState

_LARGEST_BYTES = 1 << 20


class SlotsFile:
    """One small file: a digest, then the record as JSON; flushed before anybody acts on it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Slots | None:
        """Return what was kept last; None when nothing ever was.

        Raises:
            SlotsDamagedError: the file is there and is not what was written.
        """
        try:
            with self._path.open("rb") as file:
                digest, _, body = file.read(_LARGEST_BYTES).partition(b"\n")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SlotsDamagedError(str(error)) from error
        if hashlib.sha256(body).hexdigest().encode() != digest:
            raise SlotsDamagedError("its digest is another")
        try:
            return _slots(json.loads(body))
        except (ValueError, TypeError, KeyError) as error:
            raise SlotsDamagedError(f"{type(error).__name__}: {error}") from error

    def keep(self, slots: Slots) -> None:
        """Write the record; it is on the disk when this returns.

        Raises:
            OSError: it could not be written; the one before is still there.
        """
        body = json.dumps(asdict(slots), default=_plain, sort_keys=True).encode()
        write_durably(self._path, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not kept")


def _slots(kept: dict[str, Any]) -> Slots:
    trial = kept.pop("trial")
    kept["quarantined"] = tuple(kept["quarantined"])
    return Slots(**kept, trial=None if trial is None else _trial(trial))


def _trial(kept: dict[str, Any]) -> Trial:
    tally = kept.pop("tally")
    since = datetime.fromisoformat(tally.pop("since"))
    rules, state = TrialRules(**kept.pop("rules")), TrialState(kept.pop("state"))
    return Trial(**kept, rules=rules, state=state, tally=Tally(**tally, since=since))
