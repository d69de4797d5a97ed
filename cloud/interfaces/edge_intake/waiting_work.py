"""What a station sent, read and not yet committed; what goes on unbroken is committed together."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cloud.stations.commands import RecordStationEvents, RecordStationGap


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A frame that was read and waits for its turn; ``came_s`` says since when."""

    command: RecordStationEvents | RecordStationGap
    came_s: float
    size_bytes: int = 0

    @property
    def events_count(self) -> int:
        """Return for how many events it stands; a gap stands for one."""
        command = self.command
        return max(1, len(command.events)) if isinstance(command, RecordStationEvents) else 1


def continues(before: Work, after: Work) -> bool:
    """Say whether ``after`` may be committed together with ``before``.

    It goes on with the next number, and with the very digest that the former ends with. Where the
    histories part, and where nobody knows, each batch is judged by itself: the cursor must come to
    stand where they part, or the station would never learn of it.
    """
    first, second = before.command, after.command
    return (
        isinstance(first, RecordStationEvents)
        and isinstance(second, RecordStationEvents)
        and first.stream == second.stream
        and first.first_seq + len(first.events) == second.first_seq
        and first.events.last_digest is not None
        and int.from_bytes(first.events.last_digest, "big") == second.prev_digest != 0
    )


def together(group: Sequence[Work]) -> RecordStationEvents | RecordStationGap:
    """Return the one command for work that follows each other."""
    first = group[0].command
    if len(group) == 1 or not isinstance(first, RecordStationEvents):
        return first
    batches = [work.command for work in group if isinstance(work.command, RecordStationEvents)]
    content = hashlib.sha256("".join(batch.content_sha256 for batch in batches).encode())
    return replace(
        first,
        content_sha256=content.hexdigest(),
        events=first.events.followed_by([batch.events for batch in batches[1:]]),
    )
