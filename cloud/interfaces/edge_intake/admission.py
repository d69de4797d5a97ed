"""Who calls: named by the certificate of the connection and by nothing that it says."""

from dataclasses import dataclass

import grpc
import grpc.aio

from cloud.commands.command import CommandContext, Source
from cloud.interfaces.edge_intake.ports import Bus, CertificateReader
from cloud.stations.commands import ReportStationFault
from cloud.stations.queries import Standing, StationKey, StationStanding

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
DENIED = grpc.StatusCode.PERMISSION_DENIED
MOST_SUSPECTED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A station whose certificate the cloud accepts."""

    organization_id: str
    station_id: str
    station_name: str
    certificate_serial: str

    @property
    def key(self) -> StationKey:
        """Return which station this is."""
        return StationKey(organization_id=self.organization_id, station_id=self.station_id)

    @property
    def context(self) -> CommandContext:
        """Return the context of the station's own acts."""
        return station_context(self.key)


def station_context(station: StationKey) -> CommandContext:
    """Return the context in which a station acts for itself."""
    return CommandContext(
        organization_id=station.organization_id,
        user=f"station:{station.station_id}",
        source=Source.STATION,
    )


def cloud_context(organization_id: str) -> CommandContext:
    """Return the context in which the cloud itself acts on a station's behalf."""
    return CommandContext(organization_id=organization_id, user="system", source=Source.SYSTEM)


class Admission:
    """Lets stations in, and says when one must go."""

    def __init__(self, bus: Bus, certificates: CertificateReader) -> None:
        self._bus = bus
        self._certificates = certificates
        self._suspected: set[str] = set()

    async def admit(self, context: grpc.aio.ServicerContext) -> Caller:  # type: ignore[type-arg]
        """Return who calls, or end the call."""
        shown = next(iter(context.auth_context().get("x509_pem_cert", ())), None)
        facts = self._certificates.read(shown) if shown else None
        if facts is None:
            await context.abort(UNAUTHENTICATED, "no certificate of a station was shown")
        key = StationKey(organization_id=facts.organization_id, station_id=facts.station_id)
        standing = await self._standing(key, facts.serial)
        if standing.status != "known":
            await self._suspect(key, facts.serial, standing)
            await context.abort(DENIED, f"{standing.status}: {standing.detail}")
        return Caller(
            organization_id=facts.organization_id,
            station_id=facts.station_id,
            station_name=standing.station_name,
            certificate_serial=facts.serial,
        )

    async def _suspect(self, key: StationKey, serial: str, standing: Standing) -> None:
        """Put on record, once, that somebody uses a certificate that was given up."""
        if not standing.retired or serial in self._suspected:
            return
        if len(self._suspected) >= MOST_SUSPECTED:
            self._suspected.clear()
        self._suspected.add(serial)
        fault = ReportStationFault(
            station_id=key.station_id,
            code="retired_certificate_used",
            detail=f"certificate {serial}",
        )
        await self._bus.send(fault, station_context(key))

    async def objection(self, caller: Caller) -> str:
        """Say why a caller must go now; empty when it may stay."""
        standing = await self._standing(caller.key, caller.certificate_serial)
        return "" if standing.status == "known" else f"{standing.status}: {standing.detail}"

    async def _standing(self, key: StationKey, serial: str) -> Standing:
        query = StationStanding(station_id=key.station_id, certificate_serial=serial)
        standing: Standing = await self._bus.ask(query, station_context(key))
        return standing
