"""A producer's own numbering: nothing is confirmed past a number that has not come."""

from dataclasses import dataclass
from enum import Enum

from edge.outbox.record import Hole

#: A producer sends again what stays unconfirmed for 3 s. The same lowest number that often, over
#: that long, means that what is missing before it does not exist any more.
PATIENCE_TIMES = 3
PATIENCE_S = 8.0
#: A producer not heard before may begin anywhere; its beginning is what it repeats first.
FIRST_CONTACT_TIMES = 2
FIRST_CONTACT_S = 2.0


class Decision(Enum):
    """What to do with an event by its producer's number."""

    STORE = "store"
    KNOWN = "known"
    WAIT = "wait"


@dataclass(slots=True)
class ProducerTrack:
    """Follows one producer.

    ``pseq`` is the last number that is stored together with all before it; ``None`` before the
    first.
    """

    producer_id: str
    pseq: int | None = None
    candidate: int = 0
    candidate_times: int = 0
    candidate_since_s: float = 0.0

    def decide(self, pseq: int, now_s: float) -> tuple[Decision, Hole | None]:
        """Judge the number of an event that came at ``now_s`` (monotonic seconds).

        An event whose number lies before ``pseq`` may still be new to us and is told apart by its
        event id, so KNOWN means "look it up", never "drop it".

        Returns:
            The decision, and the hole that was given up when there was one.
        """
        if self.pseq is None and pseq == 1:
            return self._advance(pseq), None
        if self.pseq is not None and pseq <= self.pseq:
            return Decision.KNOWN, None
        if self.pseq is not None and pseq == self.pseq + 1:
            return self._advance(pseq), None
        return self._beyond_a_hole(pseq, now_s)

    def _advance(self, pseq: int) -> Decision:
        self.pseq = pseq
        self.candidate_times = 0
        return Decision.STORE

    def _beyond_a_hole(self, pseq: int, now_s: float) -> tuple[Decision, Hole | None]:
        if self.candidate_times == 0 or pseq < self.candidate:
            self.candidate, self.candidate_times, self.candidate_since_s = pseq, 1, now_s
            return Decision.WAIT, None
        if pseq != self.candidate:
            return Decision.WAIT, None
        self.candidate_times += 1
        first_contact = self.pseq is None
        times = FIRST_CONTACT_TIMES if first_contact else PATIENCE_TIMES
        patience_s = FIRST_CONTACT_S if first_contact else PATIENCE_S
        if self.candidate_times < times or now_s - self.candidate_since_s < patience_s:
            return Decision.WAIT, None
        hole = (
            None
            if self.pseq is None
            else Hole(producer_id=self.producer_id, first_pseq=self.pseq + 1, last_pseq=pseq - 1)
        )
        return self._advance(pseq), hole
