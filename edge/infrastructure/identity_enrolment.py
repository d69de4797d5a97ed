"""Waits for a join token beside the identity and uses it up."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from edge.infrastructure.grpc_enrolment import enrol
from edge.infrastructure.identity_files import IdentityFolder, JoinToken, read_join_token
from edge.infrastructure.link_report import LinkStatus
from edge.outbox.errors import EnrolmentError, EnrolmentRefusedError

LOG = logging.getLogger("kyndof.enrolment")
POLL_S = 0.4
RETRY_BASE_S = 0.5
RETRY_CAP_S = 10.0


class EnrolmentWatcher:
    """Polls for `join-token.json`; the file is deleted once the cloud has decided."""

    def __init__(
        self,
        token_path: Path,
        address: str,
        station_name: str,
        identity: IdentityFolder,
        status: LinkStatus,
    ) -> None:
        self._token_path = token_path
        self._address = address
        self._station_name = station_name
        self._identity = identity
        self._status = status

    async def run(self, on_enrolled: Callable[[], None]) -> None:
        """Watch for ever; an enrolled station takes a new token too, after a revocation."""
        while True:
            token = await asyncio.to_thread(read_join_token, self._token_path)
            if token is not None:
                await self._use(token)
                on_enrolled()
            await asyncio.sleep(POLL_S)

    async def _use(self, token: JoinToken) -> None:
        delay_s = RETRY_BASE_S
        if await asyncio.to_thread(self._identity.was_used, token):
            await asyncio.to_thread(self._token_path.unlink, missing_ok=True)
        while token == await asyncio.to_thread(read_join_token, self._token_path):
            try:
                async with self._identity.changing:
                    await enrol(self._address, self._station_name, token, self._identity)
            except EnrolmentRefusedError as error:
                self._say(error)
            except (EnrolmentError, OSError) as error:
                # The token was not used: wait for the right server, or for room on the disk.
                self._say(error)
                await asyncio.sleep(delay_s)
                delay_s = min(RETRY_CAP_S, delay_s * 2)
                continue
            await asyncio.to_thread(self._token_path.unlink, missing_ok=True)

    def _say(self, error: EnrolmentError | OSError) -> None:
        code = error.code if isinstance(error, EnrolmentError) else EnrolmentError.code
        if not self._status.cloud:
            self._status.detail = code
        LOG.error("enrolment failed", extra={"alarm": code, "reason": str(error)})
