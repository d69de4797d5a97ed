"""A certificate gives way to the next one without a moment in which none is good."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from kyndof_wire.enrolment.v1.enrolment_pb2 import (
    GetRenewalNonceRequest,
    ProveCertificateRequest,
    RenewCertificateRequest,
    RenewCertificateResponse,
    RenewExpiredCertificateRequest,
    TrustBundle,
)
from kyndof_wire.enrolment.v1.enrolment_pb2_grpc import (
    CertificateServiceStub,
    EnrolmentServiceStub,
)

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.signing.authority_folders import AuthorityFolders, RolloverRefusedError
from cloud.stations.commands import RevokeStation
from edge.infrastructure.grpc_channel import Credentials, open_channel
from edge.infrastructure.identity_files import sign_with
from edge.infrastructure.identity_trust import accept_bundle, trust_version
from edge.outbox.errors import EnrolmentRefusedError
from edge.outbox.renewal import renewal_due
from tests.fakes.core import context_of
from tests.fakes.enrolled import Station
from tests.fakes.intake import OPTIONS, Device, IntakeWorld, intake_over

pytestmark = [pytest.mark.requirement("FLT"), pytest.mark.timeout(90)]
LEAD = context_of("lead@demo.example")
CODE = grpc.StatusCode


@pytest.fixture
async def world(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[IntakeWorld]:
    async with intake_over(database, tmp_path) as opened:
        yield opened


async def renew(world: IntakeWorld, device: Device, fresh: Device) -> RenewCertificateResponse:
    async with world.channel(device) as channel:
        response: RenewCertificateResponse = await CertificateServiceStub(channel).RenewCertificate(
            RenewCertificateRequest(csr_der=fresh.csr_der), timeout=10
        )
    fresh.certificate_pem = response.certificate_pem
    return response


async def proved(world: IntakeWorld, device: Device) -> grpc.StatusCode:
    async with world.channel(device) as channel:
        try:
            await CertificateServiceStub(channel).ProveCertificate(
                ProveCertificateRequest(), timeout=10
            )
        except grpc.aio.AioRpcError as error:
            return error.code()
    return CODE.OK


def test_a_third_of_the_life_begins_the_time_of_renewal() -> None:
    begin = datetime(2026, 5, 1, tzinfo=UTC)
    end = begin + timedelta(days=30)
    assert renewal_due(begin, end, 0.0) == begin + timedelta(days=10)
    assert renewal_due(begin, end, 1.0) == begin + timedelta(days=15)


async def test_a_young_certificate_stays_and_an_older_one_is_renewed_with_a_new_key(
    world: IntakeWorld, tmp_path: Path
) -> None:
    station = await Station(world, tmp_path).enrol(days_ago=1)
    before = station.serial()
    assert not await station.rotation.step()
    assert station.serial() == before
    await world.core.bus.send(RevokeStation(station_id=station.station_id, reason="test"), LEAD)
    older = await Station(world, tmp_path / "older").enrol(days_ago=16)
    old = older.device()
    assert await older.rotation.step()
    new = older.device()
    assert new.key_pem != old.key_pem
    # Both are good until the new one opens a stream.
    assert await proved(world, old) is CODE.OK
    assert await proved(world, new) is CODE.OK
    async with world.talk(new) as talk:
        await talk.hello()
    for _ in range(3):
        assert await proved(world, old) is CODE.PERMISSION_DENIED
    assert (await older.faults()).count("retired_certificate_used") == 1
    assert await proved(world, new) is CODE.OK


async def test_a_lost_answer_gives_the_same_certificate_and_a_second_key_is_on_record(
    world: IntakeWorld, tmp_path: Path
) -> None:
    station = await Station(world, tmp_path).enrol(days_ago=1)
    old, first, second = station.device(), Device(), Device()
    assert (await renew(world, old, first)) == (await renew(world, old, first))
    assert "certificate_renewed_twice" not in await station.faults()
    await renew(world, old, second)
    assert "certificate_renewed_twice" in await station.faults()
    assert await proved(world, first) is CODE.PERMISSION_DENIED
    assert await proved(world, second) is CODE.OK


async def test_a_station_off_for_45_days_renews_by_its_old_key_and_after_100_needs_a_token(
    world: IntakeWorld, tmp_path: Path
) -> None:
    station = await Station(world, tmp_path).enrol(days_ago=30 + 45)
    assert await proved(world, station.device()) is CODE.UNAVAILABLE
    assert await station.rotation.step()
    assert await proved(world, station.device()) is CODE.OK
    await world.core.bus.send(RevokeStation(station_id=station.station_id, reason="test"), LEAD)
    forgotten = await Station(world, tmp_path / "forgotten").enrol(days_ago=30 + 100)
    with pytest.raises(EnrolmentRefusedError, match="RENEWAL_TOO_LATE"):
        await forgotten.rotation.step()
    assert forgotten.status.detail == "CERTIFICATE_TOO_OLD"


async def test_an_ended_certificate_without_its_key_is_refused(
    world: IntakeWorld, tmp_path: Path
) -> None:
    station = await Station(world, tmp_path).enrol(days_ago=40)
    held, thief = station.device(), Device()
    credentials = grpc.ssl_channel_credentials(world.authority.ca_pem.encode())
    async with grpc.aio.secure_channel(station.addresses.enrolment, credentials, OPTIONS) as open_:
        stub = EnrolmentServiceStub(open_)
        nonce = (await stub.GetRenewalNonce(GetRenewalNonceRequest())).nonce

        async def ask(by: Device, number: bytes) -> str:
            signature = sign_with(by.key_pem, number + thief.csr_der)
            request = RenewExpiredCertificateRequest(
                certificate_pem=held.certificate_pem,
                csr_der=thief.csr_der,
                nonce=number,
                signature=signature,
            )
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.RenewExpiredCertificate(request)
            return str(caught.value.details())

        assert "RENEWAL_UNPROVEN" in await ask(thief, nonce)
        assert "RENEWAL_UNPROVEN" in await ask(held, bytes(len(nonce)))
        world.core.clock.advance(minutes=3)
        assert "RENEWAL_UNPROVEN" in await ask(held, nonce)


async def test_a_revoked_station_renews_neither_early_nor_late(
    world: IntakeWorld, tmp_path: Path
) -> None:
    station = await Station(world, tmp_path).enrol(days_ago=16)
    await world.core.bus.send(RevokeStation(station_id=station.station_id, reason="stolen"), LEAD)
    with pytest.raises(EnrolmentRefusedError, match="revoked"):
        await station.rotation.step()
    late = await Station(world, tmp_path / "late").enrol(days_ago=40)
    await world.core.bus.send(RevokeStation(station_id=late.station_id, reason="stolen"), LEAD)
    with pytest.raises(EnrolmentRefusedError, match="REVOKED"):
        await late.rotation.step()


async def test_one_authority_follows_another_and_no_station_is_lost(
    world: IntakeWorld, tmp_path: Path
) -> None:
    station = await Station(world, tmp_path).enrol(days_ago=1)
    folders, now = AuthorityFolders(tmp_path / "authority"), datetime.now(UTC)
    before = folders.view().signing
    folders.announce(now)
    with pytest.raises(RolloverRefusedError):
        folders.announce(now)
    await station.rotation.step()
    assert len(x509.load_pem_x509_certificates(station.device().ca_pem)) == 2
    with pytest.raises(RolloverRefusedError, match="need time"):
        folders.switch(now + timedelta(days=59), early=False)
    after = folders.switch(now + timedelta(days=61), early=False)
    assert after.signing != before
    assert after.also_believed == before

    async def reaches(credentials: Credentials) -> bool:
        async with open_channel(station.addresses.intake, credentials) as channel:
            try:
                await CertificateServiceStub(channel).ProveCertificate(
                    ProveCertificateRequest(), timeout=10
                )
            except grpc.aio.AioRpcError:
                return False
        return True

    held = Credentials.read(station.identity.current)
    assert held is not None
    assert await reaches(held), "signed by the former authority, believing both"
    await station.rotation.step()
    assert trust_version(station.identity.current) == 3
    fresh = Device()
    await renew(world, station.device(), fresh)
    issuer = x509.load_pem_x509_certificate(fresh.certificate_pem).issuer
    assert "2" in issuer.rfc4514_string()
    folders.retire(now + timedelta(days=200), early=False)
    renewed = Credentials(
        key_pem=fresh.key_pem, certificate_pem=fresh.certificate_pem, ca_pem=held.ca_pem
    )
    assert await reaches(renewed)
    assert not await reaches(held), "nobody believes the former authority now"


async def test_a_bundle_that_nobody_trusted_has_signed_is_refused(
    world: IntakeWorld, tmp_path: Path
) -> None:
    station = await Station(world, tmp_path).enrol(days_ago=1)
    current = station.identity.current
    forged = TrustBundle(
        version=9, authorities_pem=[(current / "ca.pem").read_bytes()]
    ).SerializeToString()
    signature = sign_with(Device().key_pem, forged)
    with pytest.raises(EnrolmentRefusedError, match="signed"):
        accept_bundle(current, forged, (signature,))
    good = world.authority.sign_trust(forged)
    with pytest.raises(EnrolmentRefusedError, match="cannot be read"):
        accept_bundle(current, forged[:-5], good)
    accept_bundle(current, forged, good)
    with pytest.raises(EnrolmentRefusedError, match="no newer"):
        accept_bundle(current, forged, good)
