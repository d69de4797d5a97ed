"""Join tokens become certificates once; whoever knocks too often waits."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from kyndof_wire.enrolment.v1.enrolment_pb2 import GetStatusRequest, GetStatusResponse
from kyndof_wire.enrolment.v1.enrolment_pb2_grpc import EnrolmentServiceStub
from kyndof_wire.sync.v1.sync_pb2_grpc import EventSyncServiceStub

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.stations.commands import IssueJoinToken, RevokeStation
from cloud.stations.errors import StationInvalidError
from tests.fakes.core import context_of
from tests.fakes.intake import OPTIONS, Device, IntakeWorld, intake_over

pytestmark = [pytest.mark.requirement("FLT"), pytest.mark.timeout(60)]
LEAD = context_of("lead@demo.example")
CODE = grpc.StatusCode


@pytest.fixture
async def world(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[IntakeWorld]:
    async with intake_over(database, tmp_path) as opened:
        yield opened


async def refusal(world: IntakeWorld, token: str, device: Device, serial: str) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await world.knock(token, device, serial)
    return caught.value.code()


async def status(world: IntakeWorld, certificate_pem: bytes) -> GetStatusResponse:
    credentials = grpc.ssl_channel_credentials(world.authority.ca_pem.encode())
    address = f"127.0.0.1:{world.servers.enrolment_port}"
    async with grpc.aio.secure_channel(address, credentials, OPTIONS) as channel:
        response: GetStatusResponse = await EnrolmentServiceStub(channel).GetStatus(
            GetStatusRequest(certificate_pem=certificate_pem)
        )
    return response


async def test_a_token_gives_a_certificate_for_the_device_s_own_key(world: IntakeWorld) -> None:
    station = await world.register()
    issued = await world.token(station.station_id)
    device = Device()
    response = await world.knock(issued.join_token, device)
    assert (response.station_id, response.station_name) == (station.station_id, "CUT-01")
    assert response.organization_code == "demo"
    certificate = x509.load_pem_x509_certificate(response.certificate_pem)
    assert certificate.public_key() == device.key.public_key()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [
        f"kyndof://{response.organization_id}/station/{station.station_id}"
    ]
    assert (await status(world, response.certificate_pem)).status == "known"


async def test_the_token_is_kept_as_its_hash_alone(world: IntakeWorld) -> None:
    station = await world.register()
    issued = await world.token(station.station_id)
    (row,) = await world.rows("SELECT token_hash, join_tokens::text AS everything FROM join_tokens")
    assert row["token_hash"] == hashlib.sha256(issued.join_token.encode()).digest()
    assert issued.join_token not in row["everything"]
    audited = await world.rows("SELECT audit_log::text AS row FROM audit_log")
    assert all(issued.join_token not in entry["row"] for entry in audited)


async def test_a_lost_answer_may_be_asked_for_again(world: IntakeWorld) -> None:
    station = await world.register()
    issued = await world.token(station.station_id)
    device = Device()
    first = await world.knock(issued.join_token, device)
    second = await world.knock(issued.join_token, device)
    assert first.certificate_pem == second.certificate_pem


async def test_a_second_key_with_the_same_token_is_refused_and_on_record(
    world: IntakeWorld,
) -> None:
    station = await world.register()
    issued = await world.token(station.station_id)
    await world.knock(issued.join_token, Device())
    code = await refusal(world, issued.join_token, Device(), "appliance-7")
    assert code is CODE.ALREADY_EXISTS
    (fault,) = await world.rows("SELECT payload FROM events WHERE type = 'station_fault_reported'")
    assert "join_token_reused" in fault["payload"]
    refused = await world.rows("SELECT 1 FROM audit_log WHERE action = 'enrol_station'")
    assert len(refused) == 2


async def test_unknown_foreign_and_late_tokens_are_refused(world: IntakeWorld) -> None:
    station = await world.register()
    issued = await world.token(station.station_id)
    denied = CODE.PERMISSION_DENIED
    assert await refusal(world, "never issued", Device(), "appliance-7") is denied
    assert await refusal(world, issued.join_token, Device(), "appliance-8") is denied
    device = Device()
    await world.knock(issued.join_token, device)
    world.core.clock.advance(minutes=31)
    assert await refusal(world, issued.join_token, device, "appliance-7") is denied


async def test_of_twenty_devices_with_one_token_one_gets_in(world: IntakeWorld) -> None:
    station = await world.register()
    issued = await world.token(station.station_id)
    answers = await asyncio.gather(
        *(world.knock(issued.join_token, Device()) for _ in range(20)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert len(answers) - len(refused) == 1
    assert {error.code() for error in refused} == {CODE.ALREADY_EXISTS}
    rows = await world.rows("SELECT 1 FROM station_certificates")
    assert len(rows) == 1


async def test_a_request_that_is_none_is_refused(world: IntakeWorld) -> None:
    station = await world.register()
    issued = await world.token(station.station_id)

    class Broken(Device):
        @property
        def csr_der(self) -> bytes:
            return b"no request"

    code = await refusal(world, issued.join_token, Broken(), "appliance-7")
    assert code is CODE.INVALID_ARGUMENT
    await world.knock(issued.join_token, Device())


async def test_a_new_device_ends_the_old_one_s_certificate(world: IntakeWorld) -> None:
    station, old = await world.enrolled()
    new = Device()
    await world.knock((await world.token(station.station_id)).join_token, new)
    assert (await status(world, old.certificate_pem)).status == "revoked"
    assert (await status(world, new.certificate_pem)).status == "known"
    async with world.talk(old) as talk:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await talk.hello()
        assert caught.value.code() is CODE.PERMISSION_DENIED


async def test_the_door_says_why_a_certificate_is_refused(world: IntakeWorld) -> None:
    station, device = await world.enrolled()
    assert (await status(world, b"no certificate")).status == "unknown"
    world.core.clock.advance(days=31)
    assert (await status(world, device.certificate_pem)).status == "expired"
    await world.core.bus.send(RevokeStation(station_id=station.station_id, reason="stolen"), LEAD)
    assert (await status(world, device.certificate_pem)).status == "revoked"
    with pytest.raises(Exception, match="shut out"):
        await world.token(station.station_id)


async def test_a_revoked_station_s_name_is_free_again(world: IntakeWorld) -> None:
    station, _ = await world.enrolled()
    with pytest.raises(Exception, match="this name"):
        await world.register()
    await world.core.bus.send(RevokeStation(station_id=station.station_id, reason="replaced"), LEAD)
    assert (await world.register()).station_id != station.station_id


async def test_a_token_lives_half_an_hour_at_most(world: IntakeWorld) -> None:
    station = await world.register()
    wish = IssueJoinToken(station_id=station.station_id, serial="a", valid_s=1801)
    with pytest.raises(StationInvalidError):
        await world.core.bus.send(wish, LEAD)
    with pytest.raises(StationInvalidError):
        await world.core.bus.send(replace(wish, valid_s=600, serial=" "), LEAD)


async def test_whoever_knocks_too_often_waits(world: IntakeWorld) -> None:
    codes = [await refusal(world, "guess", Device(), "appliance-7") for _ in range(62)]
    assert codes[0] is CODE.PERMISSION_DENIED
    assert codes[-1] is CODE.RESOURCE_EXHAUSTED


async def test_nothing_but_enrolment_answers_at_that_door(world: IntakeWorld) -> None:
    credentials = grpc.ssl_channel_credentials(world.authority.ca_pem.encode())
    address = f"127.0.0.1:{world.servers.enrolment_port}"
    async with grpc.aio.secure_channel(address, credentials, OPTIONS) as channel:
        call = EventSyncServiceStub(channel).StreamEvents(timeout=5)
        assert await call.code() is CODE.UNIMPLEMENTED
