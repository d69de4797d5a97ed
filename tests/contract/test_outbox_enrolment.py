"""How a station gets its certificate, and from whom it takes none."""

import asyncio
import json
import stat
import subprocess
import sys

import pytest

from edge.infrastructure.grpc_enrolment import enrol
from edge.infrastructure.identity_files import (
    IdentityFolder,
    JoinToken,
    public_key_of,
    public_key_of_request,
    write_join_token,
)
from edge.outbox.errors import (
    CloudNotTrustedError,
    CloudUnreachableError,
    EnrolmentRefusedError,
)
from tests.fakes.authority import Authority
from tests.fakes.cloud_server import ORGANIZATION, STATION, CloudServer
from tests.fakes.floor import ROOT, AgentProcess, BrokerProcess, until

pytestmark = pytest.mark.requirement("FLT")


@pytest.fixture
async def cloud():
    async with CloudServer(tokens={"good": None}) as server:
        yield server


def token(cloud, given="good", fingerprint=None):
    return JoinToken(
        join_token=given,
        serial="SN-1",
        ca_fingerprint=fingerprint or cloud.authority.fingerprint,
    )


async def test_a_token_becomes_an_identity_whose_key_never_left(cloud, tmp_path) -> None:
    folder = IdentityFolder(tmp_path / "identity")
    station = await enrol(cloud.enrolment_address, "CUT-01", token(cloud), folder)
    assert (station.station_id, station.organization_id) == (STATION, ORGANIZATION)
    assert folder.station() == station
    key = (folder.current / "key.pem").read_bytes()
    assert b"PRIVATE KEY" in key
    assert key not in b"".join(r.SerializeToString() for r in cloud.enrolment.requests)
    for name in ("key.pem", "certificate.pem", "ca.pem", "station.json"):
        assert stat.S_IMODE((folder.current / name).stat().st_mode) == 0o600
    assert not (tmp_path / "identity" / "pending").exists()


async def test_a_wrong_fingerprint_is_refused_before_anything_is_sent(cloud, tmp_path) -> None:
    folder = IdentityFolder(tmp_path / "identity")
    foreign = token(cloud, fingerprint=Authority().fingerprint)
    with pytest.raises(CloudNotTrustedError):
        await enrol(cloud.enrolment_address, "CUT-01", foreign, folder)
    assert cloud.enrolment.requests == []
    assert folder.station() is None


async def test_a_chain_that_only_shows_the_authority_is_not_believed(cloud, tmp_path) -> None:
    """An impostor may copy the authority's certificate; it cannot sign with its key."""
    impostor = CloudServer(tokens={"good": None})
    real_pem = cloud.authority.pem
    issued = impostor.authority.server()
    leaf = issued.certificate_pem.split(b"-----BEGIN", 2)
    issued.certificate_pem = b"-----BEGIN" + leaf[1] + real_pem
    impostor.authority.server = lambda: issued
    async with impostor:
        folder = IdentityFolder(tmp_path / "identity")
        with pytest.raises(CloudUnreachableError):
            await enrol(impostor.enrolment_address, "CUT-01", token(cloud), folder)
    assert impostor.enrolment.requests == []


async def test_an_unknown_token_is_refused(cloud, tmp_path) -> None:
    with pytest.raises(EnrolmentRefusedError):
        await enrol(
            cloud.enrolment_address,
            "CUT-01",
            token(cloud, "wrong"),
            IdentityFolder(tmp_path / "identity"),
        )


async def test_a_lost_answer_is_asked_for_again_with_the_same_key(cloud, tmp_path) -> None:
    folder = IdentityFolder(tmp_path / "identity")
    first = folder.signing_request("CUT-01")
    await enrol(cloud.enrolment_address, "CUT-01", token(cloud), folder)
    assert public_key_of_request(cloud.enrolment.requests[0].csr_der) == public_key_of_request(
        first
    )
    used_by_another = IdentityFolder(tmp_path / "other")
    with pytest.raises(EnrolmentRefusedError):
        await enrol(cloud.enrolment_address, "CUT-01", token(cloud), used_by_another)


async def test_nobody_at_the_address_is_said_so(tmp_path, cloud) -> None:
    await cloud.stop()
    with pytest.raises(CloudUnreachableError):
        await enrol(
            cloud.enrolment_address, "CUT-01", token(cloud), IdentityFolder(tmp_path / "identity")
        )


async def test_a_promotion_cut_short_is_finished_at_the_next_start(cloud, tmp_path) -> None:
    folder = IdentityFolder(tmp_path / "identity")
    await enrol(cloud.enrolment_address, "CUT-01", token(cloud), folder)
    certificate = (folder.current / "certificate.pem").read_bytes()
    folder.current.rename(tmp_path / "identity" / "pending")
    assert folder.station() is None
    folder.settle()
    assert folder.station() is not None
    assert (folder.current / "certificate.pem").read_bytes() == certificate
    assert folder.was_used(token(cloud))


async def test_the_agent_enrols_by_a_delivered_token_and_connects(cloud, tmp_path) -> None:
    with BrokerProcess("amqtt", tmp_path) as broker:
        await broker.ready()
        with AgentProcess(tmp_path, broker.port, cloud) as agent:
            link = agent.home / "link.json"
            await until(link.exists)
            assert json.loads(link.read_text())["detail"] == "NOT_ENROLLED"
            write_join_token(agent.home / "join-token.json", token(cloud))
            await until(lambda: json.loads(link.read_text())["cloud"])
            assert not (agent.home / "join-token.json").exists()
            first = public_key_of(
                (agent.home / "identity" / "current" / "certificate.pem").read_bytes()
            )
            cloud.tokens["second"] = None
            write_join_token(agent.home / "join-token.json", token(cloud, "second"))
            current = agent.home / "identity" / "current" / "certificate.pem"
            await until(lambda: current.exists() and public_key_of(current.read_bytes()) != first)
            await until(lambda: len(cloud.ledger.hellos) >= 2)


async def test_a_refused_token_is_deleted_and_named_in_the_link_report(cloud, tmp_path) -> None:
    with BrokerProcess("amqtt", tmp_path) as broker:
        await broker.ready()
        with AgentProcess(tmp_path, broker.port, cloud) as agent:
            write_join_token(agent.home / "join-token.json", token(cloud, "wrong"))
            await until(lambda: not (agent.home / "join-token.json").exists())
            await until(lambda: "ENROLMENT_REFUSED" in agent.log_text())


async def test_a_revoked_station_says_why_it_is_refused(cloud, tmp_path) -> None:
    cloud.mischief.status = "revoked"
    stranger = Authority()
    with BrokerProcess("amqtt", tmp_path) as broker:
        await broker.ready()
        with AgentProcess(tmp_path, broker.port, cloud) as agent:
            current = agent.home / "identity" / "current"
            await until(lambda: agent.log.exists() and '"ready"' in agent.log_text())
            await asyncio.to_thread(agent.stop)
            await enrol(
                cloud.enrolment_address,
                "CUT-01",
                token(cloud),
                IdentityFolder(agent.home / "identity"),
            )
            forged = stranger.station(ORGANIZATION, STATION)
            (current / "key.pem").write_bytes(forged.key_pem)
            (current / "certificate.pem").write_bytes(forged.certificate_pem)
            agent.start()
            link = agent.home / "link.json"
            await until(link.exists)
            await until(lambda: json.loads(link.read_text())["detail"] == "CERTIFICATE_REVOKED")


async def test_enrol_from_the_command_line(cloud, tmp_path) -> None:
    agent = AgentProcess(tmp_path, 1, cloud)
    arguments = ["--token", "good", "--serial", "SN-1", "--ca-fingerprint"]
    command = [sys.executable, "-m", "edge", "enrol", *arguments]

    def run(fingerprint):
        return subprocess.run(
            [*command, fingerprint],
            cwd=ROOT,
            env=agent._environment,
            capture_output=True,
            text=True,
        )

    refused = await asyncio.to_thread(run, "ab" * 32)
    assert refused.returncode == 2
    assert "CLOUD_NOT_TRUSTED" in refused.stderr
    done = await asyncio.to_thread(run, cloud.authority.fingerprint)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["station_id"] == STATION
