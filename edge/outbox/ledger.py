"""Where every event is that was ever made here: each place counts its own, and all must agree."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxLedger:
    """The numbers of one outbox.

    ``produced`` are the numbers given; ``stored`` the rows that lay here when the cloud's cursor
    passed them; ``pending`` the rows that it has not passed; ``shed``, ``damaged`` and
    ``rejected`` have counters of their own; ``written_off`` is a loss that a person has accepted.
    """

    produced: int
    stored: int
    pending: int
    shed: int
    damaged: int
    rejected: int
    written_off: int

    @property
    def missing(self) -> int:
        """Return how many numbers nothing accounts for."""
        known = self.stored + self.pending + self.shed + self.damaged + self.rejected
        return self.produced - known - self.written_off


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolLedger:
    """The numbers of a station's own spool.

    ``handed`` rows were dropped on the agent's word, which reached up to ``handed_pseq``.
    """

    producer_id: str
    produced: int
    handed: int
    waiting: int
    damaged: int
    handed_pseq: int

    @property
    def missing(self) -> int:
        """Return how many numbers nothing accounts for."""
        return self.produced - self.handed - self.waiting - self.damaged


@dataclass(frozen=True, slots=True, kw_only=True)
class StationLedger:
    """Spool and outbox side by side, the spool read first.

    ``spool`` is ``None`` where none can be read. ``known_pseq`` is the last number of the spool
    that the outbox has, ``None`` before the first. ``holes`` are numbers of producers that never
    came; ``written_off`` what of that a person has accepted.
    """

    outbox: OutboxLedger
    spool: SpoolLedger | None
    known_pseq: int | None
    holes: int
    written_off: int

    @property
    def lost_before(self) -> int:
        """Return how many events were lost before they had a number of the outbox.

        What the spool lost the agent sees as a hole too, and what the spool set aside is a hole
        that is accounted for: the larger of the two counts says it once.
        """
        holes, told = self.holes, 0
        if self.spool is not None:
            holes -= self.spool.damaged
            told = self.spool.missing
            if self.known_pseq is not None:
                told += max(0, self.spool.handed_pseq - self.known_pseq)
        return max(holes, told) - self.written_off

    @property
    def unaccounted(self) -> int:
        """Return how many events are nowhere; 0 is what it should be."""
        return max(0, self.lost_before) + abs(self.outbox.missing)
