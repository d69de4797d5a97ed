"""What learning needs of the outside."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from cloud.learning.bank import BankFacts
from cloud.learning.commands import NameFlaw, RecordCalibration, TeachStyle
from cloud.learning.naming import NamedFinding, Naming
from cloud.learning.queries import CalibrationView, LearnedStyle, TaughtBankView


class NamingStore(Protocol):
    """Keeps every naming of the organization."""

    async def finding(self, inspection_id: str, index: int) -> NamedFinding | None:
        """Return a finding of an inspection."""
        ...

    async def add(self, naming: NameFlaw, by: str, named_at: datetime, at: datetime) -> bool:
        """Keep a naming; False when its identifier is kept already."""
        ...

    async def newest(self) -> Sequence[Naming]:
        """Return the newest word on each finding that somebody named."""
        ...

    async def count_of(self, station_id: str) -> int:
        """Return how many namings came from a station."""
        ...


class KindLearner(Protocol):
    """Learns kinds of flaws from named ones."""

    @property
    def fewest_count(self) -> int:
        """Return how many named flaws make a kind."""
        ...

    def learn(self, examples: Mapping[str, Sequence[bytes]], bundle_digest: str) -> bytes:
        """Return the file of prototypes of a bundle.

        ``examples`` are descriptions by kind, little-endian float32, that begin alike.
        """
        ...


class BankReader(Protocol):
    """Reads the files of banks."""

    def read(self, bank: bytes) -> BankFacts | None:
        """Return what a bank says of itself, None where it is damaged."""
        ...


class BankStore(Protocol):
    """Keeps every bank that was taught in the organization."""

    async def add(self, taught: TeachStyle, facts: BankFacts, by: str, at: datetime) -> bool:
        """Keep a bank; False when its identifier is kept already."""
        ...

    async def find(self, bank_id: str) -> TaughtBankView | None:
        """Return a bank, locked for this transaction."""
        ...

    async def newest(self, limit: int, before: str) -> Sequence[TaughtBankView]:
        """Return banks, newest first, those after the bank ``before``."""
        ...

    async def withdraw(self, bank_id: str, by: str, reason: str, at: datetime) -> None:
        """Let a bank count no more."""
        ...

    async def styles(self) -> Sequence[LearnedStyle]:
        """Return what stations should know of each taught style, by name."""
        ...


class CalibrationStore(Protocol):
    """Keeps every calibration of the organization's stations."""

    async def add(self, made: RecordCalibration, by: str, at: datetime) -> bool:
        """Keep a calibration; False when its number is kept already."""
        ...

    async def of_station(
        self, station_id: str, limit: int, before: str
    ) -> Sequence[CalibrationView]:
        """Return a station's calibrations, newest first; "" for every station's.

        Those after ``before``, STATION/CALIBRATION.
        """
        ...
