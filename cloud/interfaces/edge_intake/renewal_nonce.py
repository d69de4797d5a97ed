"""Numbers that a station signs to prove its key: good for two minutes, kept nowhere."""

import hashlib
import hmac
import secrets

from cloud.events.ports import Clock

LIFE_S = 120
_TIME_BYTES = 8
_LENGTH = 16 + _TIME_BYTES + 32


class RenewalNonces:
    """Makes numbers and knows its own again; a replay within their life renews the same key."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def new(self) -> bytes:
        """Return a fresh number."""
        head = secrets.token_bytes(16) + self._now_s().to_bytes(_TIME_BYTES, "big")
        return head + self._seal(head)

    def knows(self, nonce: bytes) -> bool:
        """Say whether this number was made here a moment ago."""
        if len(nonce) != _LENGTH:
            return False
        head, seal = nonce[: 16 + _TIME_BYTES], nonce[16 + _TIME_BYTES :]
        age_s = self._now_s() - int.from_bytes(head[16:], "big")
        return hmac.compare_digest(seal, self._seal(head)) and 0 <= age_s <= LIFE_S

    def _seal(self, head: bytes) -> bytes:
        return hmac.digest(self._key, head, hashlib.sha256)

    def _now_s(self) -> int:
        return int(self._clock.now().timestamp())
