"""Whether a join token, or an ended certificate, may be exchanged for a certificate."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from cloud.stations.errors import (
    JoinTokenExpiredError,
    JoinTokenSerialError,
    JoinTokenUsedError,
    RenewalTooLateError,
)

#: Bounds of a token's life, in seconds.
SHORTEST_TOKEN_S = 60
LONGEST_TOKEN_S = 1800
#: A certificate that ended longer ago proves nothing any more.
LONGEST_LATENESS = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinToken:
    """A token as it is stored: by its hash only."""

    station_id: str
    serial: str
    expires_at: datetime
    used_at: datetime | None
    key_sha256: bytes | None
    certificate_serial: str | None


class TokenUse(Enum):
    """What a valid presentation of a token leads to."""

    FIRST = "first"
    SAME_AGAIN = "same_again"


def judge_token(token: JoinToken, key_sha256: bytes, serial: str, now: datetime) -> TokenUse:
    """Judge a presented token.

    A device whose answer was lost comes again with the same key and gets the same certificate.

    Raises:
        JoinTokenSerialError: it was issued for another device.
        JoinTokenExpiredError: its time is over.
        JoinTokenUsedError: another key was enrolled with it.
    """
    if token.serial != serial:
        raise JoinTokenSerialError("the join token belongs to another device")
    if now >= token.expires_at:
        raise JoinTokenExpiredError("the join token's time is over")
    if token.used_at is None:
        return TokenUse.FIRST
    if token.key_sha256 != key_sha256:
        raise JoinTokenUsedError(
            "the join token was used with another key", station_id=token.station_id
        )
    return TokenUse.SAME_AGAIN


def check_lateness(not_after: datetime, now: datetime) -> None:
    """Refuse a certificate that ended too long ago.

    Raises:
        RenewalTooLateError: more than 90 days ago.
    """
    if now - not_after > LONGEST_LATENESS:
        raise RenewalTooLateError(
            f"the certificate ended at {not_after.isoformat()}; a join token is needed"
        )
