"""Which stations speak at this moment: one stream each."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from cloud.stations.queries import StationKey

#: So many replacements within so many seconds are no broken connection.
TURNS = 4
TURNS_S = 60.0


@dataclass(slots=True, kw_only=True, eq=False)
class LiveStream:
    """An open stream; ``ended`` says why it must close."""

    station: StationKey
    outbox_id: str
    epoch: int
    ended: asyncio.Future[str] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def end(self, reason: str) -> None:
        """Ask the stream to close."""
        if not self.ended.done():
            self.ended.set_result(reason)


class LiveStreams:
    """At most one open stream for each station."""

    def __init__(self) -> None:
        self._open: dict[StationKey, LiveStream] = {}
        self._opening: dict[StationKey, asyncio.Lock] = {}
        self._replaced: dict[StationKey, deque[float]] = {}

    def opening(self, station: StationKey) -> asyncio.Lock:
        """Return the lock under which a station's streams open one after another."""
        return self._opening.setdefault(station, asyncio.Lock())

    def of(self, station: StationKey) -> LiveStream | None:
        """Return the open stream of a station."""
        return self._open.get(station)

    def enter(self, stream: LiveStream) -> LiveStream | None:
        """Make ``stream`` the station's one; the former is told to close and returned.

        A former stream of the same outbox is the broken half of a connection; one of another
        outbox is a second device that uses the same certificate.
        """
        former = self._open.get(stream.station)
        if former is not None:
            former.end("fenced" if former.outbox_id != stream.outbox_id else "replaced")
        self._open[stream.station] = stream
        return former

    def is_shared(self, station: StationKey, now_s: float) -> bool:
        """Note that an outbox came while it was here; say whether two devices take turns.

        A broken connection comes back once. Copies of one disk chase each other away for ever.
        """
        times = self._replaced.setdefault(station, deque(maxlen=TURNS))
        times.append(now_s)
        if len(times) < TURNS or now_s - times[0] > TURNS_S:
            return False
        times.clear()
        return True

    def leave(self, stream: LiveStream) -> bool:
        """Forget a stream; say whether the station has no other one now."""
        if self._open.get(stream.station) is stream:
            del self._open[stream.station]
        return stream.station not in self._open

    def end_all(self, reason: str) -> None:
        """Ask every stream to close."""
        for stream in list(self._open.values()):
            stream.end(reason)
