"""A station's identity on a disk, enrolled over the real doors some days ago."""

from datetime import timedelta
from pathlib import Path

from cryptography import x509

from edge.infrastructure.grpc_channel import Credentials
from edge.infrastructure.grpc_enrolment import enrol
from edge.infrastructure.grpc_link import CloudAddresses
from edge.infrastructure.identity_files import IdentityFolder, JoinToken
from edge.infrastructure.identity_rotation import IdentityRotation, RotationRules
from edge.infrastructure.link_report import LinkStatus
from edge.infrastructure.system_time import SystemClock
from tests.fakes.intake import SERIAL, Device, IntakeWorld


class Station:
    """A station's identity on its disk, enrolled some days ago."""

    def __init__(self, world: IntakeWorld, folder: Path, name: str = "CUT-01") -> None:
        self.world = world
        self.name = name
        self.identity = IdentityFolder(folder / "identity")
        self.addresses = CloudAddresses(
            intake=f"127.0.0.1:{world.servers.port}",
            enrolment=f"127.0.0.1:{world.servers.enrolment_port}",
        )
        self.status = LinkStatus()
        self.rotation = IdentityRotation(
            self.addresses, self.identity, SystemClock(), self.status, RotationRules(check_s=1)
        )
        self.station_id = ""

    async def enrol(self, days_ago: float) -> "Station":
        view = await self.world.register(self.name)
        self.station_id = view.station_id
        now = self.world.core.clock.moment
        self.world.core.clock.moment = now - timedelta(days=days_ago)
        issued = await self.world.token(view.station_id)
        token = JoinToken(
            join_token=issued.join_token,
            serial=SERIAL,
            ca_fingerprint=self.world.authority.fingerprint,
        )
        await enrol(self.addresses.enrolment, self.name, token, self.identity)
        self.world.core.clock.moment = now
        return self

    def device(self) -> Device:
        held = Credentials.read(self.identity.current)
        assert held is not None
        return Held(held)

    def serial(self) -> int:
        pem = (self.identity.current / "certificate.pem").read_bytes()
        return x509.load_pem_x509_certificate(pem).serial_number

    async def faults(self) -> str:
        rows = await self.world.rows(
            "SELECT payload::text FROM events WHERE type = 'station_fault_reported'"
        )
        return "".join(row["payload"] for row in rows)


class Held(Device):
    """A pair as it lay on the disk."""

    def __init__(self, held: Credentials) -> None:
        super().__init__()
        self._key_pem = held.key_pem
        self.certificate_pem, self.ca_pem = held.certificate_pem, held.ca_pem

    @property
    def key_pem(self) -> bytes:
        return self._key_pem
