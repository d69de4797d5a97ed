"""A station's certificate opens nothing of a person, and a person acts for no station."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cloud.commands.command import CommandContext, Source
from cloud.commands.errors import CommandError, ForbiddenError
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.signing.certificate_authority import (
    FolderCertificateAuthority,
    ServerCertificates,
)
from cloud.infrastructure.system_time import SystemClock
from cloud.organizations.commands import (
    ChangeLanguage,
    CreateApiKey,
    CreateLoginLink,
    IssueTokens,
    RemoveMember,
)
from cloud.organizations.queries import ListApiKeys, ListMyAccess
from cloud.stations.commands import RecordStationPresence
from tests.fakes.identity import DEMO, OWNER, house_over, refused

pytestmark = pytest.mark.requirement("IAM", "FLT")
STATION = f"sta_{'0' * 26}"


async def test_a_station_does_nothing_of_a_person_and_a_person_nothing_of_a_station(
    database: DatabaseUrls, tmp_path: Path
) -> None:
    async with house_over(database, tmp_path) as house:
        station = CommandContext(
            organization_id=DEMO, user=f"station:{STATION}", source=Source.STATION
        )
        for command in (
            CreateApiKey(login=OWNER, name="k"),
            CreateLoginLink(login=OWNER),
            RemoveMember(login=OWNER, reason="r"),
            ChangeLanguage(language="en"),
            IssueTokens(client="c"),
        ):
            with pytest.raises(ForbiddenError):
                await house.core.bus.send(command, station)
        for question in (ListApiKeys(), ListMyAccess()):
            with pytest.raises(CommandError):
                await house.core.bus.ask(question, station)
        authority = house.core.authority
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
        builder = x509.CertificateSigningRequestBuilder().subject_name(name)
        asked = builder.sign(key, hashes.SHA256())
        issued = authority.issue(asked.public_bytes(serialization.Encoding.DER), DEMO, STATION)
        async with house.browser() as client, house.signed_in() as owner:
            pem = issued.certificate_pem.replace("\n", " ")
            for secret in (pem, f"station:{STATION}", STATION):
                for headers in ({"X-API-Key": secret}, {"Authorization": f"Bearer {secret}"}):
                    assert refused(await client.get("/me", headers=headers), 401)
            body = {"station_id": STATION, "online": True}
            answer = await owner.post("/commands/record_station_presence", json=body)
            assert answer.status_code in {403, 422}
        person = CommandContext(organization_id=DEMO, user=OWNER, source=Source.API)
        with pytest.raises(ForbiddenError):
            await house.core.bus.send(
                RecordStationPresence(station_id=STATION, online=True), person
            )


def test_the_server_s_own_certificate_names_no_station(tmp_path: Path) -> None:
    authority = FolderCertificateAuthority(tmp_path / "pki", SystemClock())
    server = ServerCertificates(authority, ["localhost"], SystemClock())
    assert not [one for one in server.current() if authority.read(one) is not None]
