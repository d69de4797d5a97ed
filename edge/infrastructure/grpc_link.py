"""Keeps the station joined: channels built, torn down and built again."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

import grpc.aio

from edge.infrastructure.ending_tasks import end_tasks
from edge.infrastructure.grpc_channel import Credentials, open_channel
from edge.infrastructure.grpc_enrolment import ask_status
from edge.infrastructure.grpc_fleet import FleetAgent
from edge.infrastructure.grpc_uplink import EventUplink, LinkLostError
from edge.infrastructure.identity_files import IdentityFolder
from edge.infrastructure.link_report import LinkStatus
from edge.outbox.delivery import Backoff
from edge.outbox.errors import OutboxError
from edge.station.ports import Clock

LOG = logging.getLogger("kyndof.link")
REFUSALS_BEFORE_ASKING = 3
CLOSE_S = 1.0
Worker = Callable[[grpc.aio.Channel], Coroutine[None, None, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudAddresses:
    """Where the cloud answers: with the certificate, and without one."""

    intake: str
    enrolment: str


class CloudLink:
    """Events and desired state share a channel; pictures have their own."""

    def __init__(
        self,
        addresses: CloudAddresses,
        identity: IdentityFolder,
        workers: tuple[EventUplink, FleetAgent, Worker],
        clock: Clock,
        status: LinkStatus,
    ) -> None:
        self._addresses = addresses
        self._identity = identity
        self._uplink, self._fleet, self._media = workers
        self._clock = clock
        self._status = status
        self._renewed = asyncio.Event()

    def identity_changed(self) -> None:
        """Say that there is a new certificate: connect with it now."""
        self._renewed.set()

    async def run(self) -> None:
        """Connect for ever."""
        backoff = Backoff(self._uplink.timing)
        while True:
            self._renewed.clear()
            credentials = await asyncio.to_thread(Credentials.read, self._identity.current)
            if credentials is None:
                self._status.cloud, self._status.detail = False, "NOT_ENROLLED"
                await self._renewed.wait()
                continue
            error = await self._connection(credentials)
            self._status.cloud = False
            welcomed_s = self._uplink.welcomed_at_s
            backoff.ended(
                0.0 if welcomed_s is None else self._clock.monotonic_ns() / 1e9 - welcomed_s
            )
            await self._explain(error, backoff.failures if welcomed_s is None else 0)
            delay_s = backoff.delay_s(secrets.randbelow(1000) / 1000)
            if isinstance(error, LinkLostError) and error.retry_after_s is not None:
                delay_s = error.retry_after_s
            await self._wait(delay_s)

    async def _wait(self, delay_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._renewed.wait()

    async def _connection(self, credentials: Credentials) -> OutboxError | None:
        """Serve one pair of channels until the first of their workers ends."""
        events = open_channel(self._addresses.intake, credentials)
        pictures = open_channel(self._addresses.intake, credentials)
        uplink = asyncio.create_task(self._uplink.run(events))
        others = [
            asyncio.create_task(self._until_renewed()),
            asyncio.create_task(self._fleet.run(events)),
            asyncio.create_task(self._media(pictures)),
        ]
        try:
            await asyncio.wait([uplink, *others], return_when=asyncio.FIRST_COMPLETED)
            for task in (uplink, *others):
                error = task.exception() if task.done() else None
                if isinstance(error, OutboxError):
                    return error
                if error is not None:
                    raise error
            return None
        finally:
            await end_tasks([uplink, *others])
            await asyncio.gather(events.close(CLOSE_S), pictures.close(CLOSE_S))

    async def _until_renewed(self) -> None:
        await self._renewed.wait()

    async def _explain(self, error: OutboxError | None, refusals: int) -> None:
        if error is None:
            return
        LOG.warning("cloud away", extra={"code": error.code, "reason": str(error)})
        detail = "CLOUD_AWAY" if error.code == "UNAVAILABLE" else error.code
        # A refused certificate looks like an absent cloud; what was learned stays until asked anew.
        if not self._status.detail.startswith("CERTIFICATE_"):
            self._status.detail = detail
        if refusals and refusals % REFUSALS_BEFORE_ASKING == 0:
            status, detail = await ask_status(self._addresses.enrolment, self._identity.current)
            self._status.detail = detail
            if status and status != "known":
                self._status.detail = f"CERTIFICATE_{status.upper()}"
                LOG.error(
                    "the cloud refuses our certificate",
                    extra={"alarm": self._status.detail, "reason": detail},
                )
