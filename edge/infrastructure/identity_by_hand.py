"""Enrolment from the command line, beside a running agent or without one."""

import asyncio
import time
from dataclasses import asdict
from pathlib import Path

from edge.infrastructure.grpc_enrolment import enrol
from edge.infrastructure.identity_files import (
    IdentityFolder,
    JoinToken,
    StationIdentity,
    write_join_token,
)
from edge.infrastructure.sync_process import sole_process
from edge.outbox.errors import EnrolmentPendingError, StationTakenError

WAIT_S = 30.0
POLL_S = 0.2


def enrol_by_hand(
    home: Path, token_path: Path, address: str, station_name: str, given: tuple[str, str, str]
) -> dict[str, str]:
    """Enrol with a token, its serial and the authority's fingerprint; return who we are.

    A running agent owns the identity: it is given the token and waited for.

    Raises:
        EnrolmentError: it did not work; the subclass says why.
    """
    join_token, serial, fingerprint = given
    token = JoinToken(
        join_token=join_token,
        serial=serial,
        ca_fingerprint=fingerprint.replace(":", "").lower(),
    )
    identity = IdentityFolder(home / "identity")
    try:
        with sole_process(home / "sync.lock"):
            identity.settle()
            return asdict(asyncio.run(enrol(address, station_name, token, identity)))
    except StationTakenError:
        write_join_token(token_path, token)
        return asdict(_wait(token_path, identity))


def _wait(token_path: Path, identity: IdentityFolder) -> StationIdentity:
    """Wait until the agent has used the token up."""
    deadline_s = time.monotonic() + WAIT_S
    while time.monotonic() < deadline_s:
        time.sleep(POLL_S)
        station = identity.station()
        if not token_path.exists() and station is not None:
            return station
    raise EnrolmentPendingError(f"not enrolled within {WAIT_S:.0f} s")
