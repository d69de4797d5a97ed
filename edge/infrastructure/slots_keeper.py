"""The record of the bundles on a disk that may be full or have lost it."""

import contextlib
import logging
import os
from pathlib import Path

from edge.infrastructure.slots_file import SlotsFile
from edge.model_bundles.errors import BundleError, SlotsDamagedError
from edge.model_bundles.trial import Slots

_LOG = logging.getLogger("kyndof.models")
RESERVE_BYTES = 256 << 10


class SlotsKeeper:
    """Keeps the record, and beside it the room that going back needs on a full disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = SlotsFile(path)
        self._reserve = path.with_name("slots.reserve")

    def load(self) -> tuple[Slots | None, BundleError | None]:
        """Return what was kept and what is wrong with it; a damaged record is moved aside."""
        try:
            kept = self._file.load()
        except SlotsDamagedError as error:
            _LOG.error("slots damaged", extra={"alarm": error.code, "reason": str(error)})
            with contextlib.suppress(OSError):
                self._path.rename(self._path.with_name("slots.damaged"))
            return None, error
        self._make_reserve()
        return kept, None

    def keep(self, slots: Slots, *, must: bool) -> None:
        """Write the record, if need be into the reserve.

        Raises:
            OSError: it ``must`` be written and cannot; the one before still holds.
        """
        try:
            try:
                self._file.keep(slots)
            except OSError:
                self._reserve.unlink(missing_ok=True)
                self._file.keep(slots)
        except OSError as error:
            if must:
                raise
            # Going back cannot wait for a disk; after a start the trial ends a second time.
            _LOG.error(
                "slots not written", extra={"alarm": "SLOTS_NOT_WRITTEN", "reason": str(error)}
            )
            return
        self._make_reserve()

    def _make_reserve(self) -> None:
        if self._reserve.exists():
            return
        with contextlib.suppress(OSError):
            self._reserve.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._reserve, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
            except OSError:
                self._reserve.unlink(missing_ok=True)
            finally:
                os.close(descriptor)
