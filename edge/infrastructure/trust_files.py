"""The trusted keys on disk: ``trust.json`` and its signatures beside it."""

from pathlib import Path

from edge.infrastructure.durable_files import sync_folder, write_durably
from edge.model_bundles.errors import TrustInvalidError
from edge.model_bundles.trust import (
    Holds,
    Timestamp,
    Trust,
    follow,
    read_timestamp,
    read_trust,
    renew_timestamp,
)


class TrustFiles:
    """The newest version known here. The first is pinned as it comes, later ones must follow."""

    def __init__(self, home: Path, holds: Holds) -> None:
        self._content = home / "trust.json"
        self._signatures = home / "trust.sig"
        self._timestamp = home / "timestamp.json"
        self._owner = home / "trust.station"
        self._holds = holds

    def belong_to(self, station_id: str) -> None:
        """Forget keys that were pinned as another station, which a token made this one.

        Its organization signs with keys of its own, and enrolment pinned another channel.

        Raises:
            OSError: the disk refused; nobody is believed who was not before.
        """
        try:
            owner = self._owner.read_text(encoding="utf-8")
        except FileNotFoundError:
            owner = ""
        if not station_id or owner == station_id:
            return
        if owner:
            for file in (self._content, self._signatures, self._timestamp):
                file.unlink(missing_ok=True)
            sync_folder(self._content.parent)
        write_durably(self._owner, station_id.encode())

    def newest(self) -> Trust | None:
        """Return the version that counts; None before any came.

        Raises:
            TrustInvalidError: the file here is damaged; nobody is believed until a person looks.
        """
        try:
            return read_trust(self._content.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TrustInvalidError(str(error)) from error

    def take(self, content: bytes, signatures: bytes) -> Trust:
        """Keep a version that follows the one here.

        Raises:
            TrustInvalidError: it does not follow; the one here stays.
            OSError: it cannot be written; the one here stays.
        """
        trust = follow(self.newest(), content, signatures, self._holds)
        write_durably(self._signatures, signatures)
        write_durably(self._content, content)
        return trust

    def timestamp(self) -> Timestamp | None:
        """Return the last word on which version is the newest; None before any came.

        Raises:
            TrustInvalidError: the file here is damaged.
        """
        try:
            return read_timestamp(self._timestamp.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TrustInvalidError(str(error)) from error

    def take_timestamp(self, content: bytes, signatures: bytes) -> None:
        """Keep a later word on which version is the newest.

        Raises:
            TrustInvalidError: it is not signed or older than the one here, which stays.
            OSError: it cannot be written; the one here stays.
        """
        trust = self.newest()
        if trust is None or not trust.timestamp_keys:
            return
        try:
            before = self.timestamp()
        except TrustInvalidError:
            # What a broken disk left says nothing; the next word does.
            before = None
        renew_timestamp(trust, before, content, signatures, self._holds)
        write_durably(self._timestamp, content)
