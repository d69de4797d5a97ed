"""Desired state: the work package is fetched, verified, swapped, and kept."""

import asyncio
import hashlib

import pytest
from kyndof_wire.fleet.v1.fleet_pb2 import WorkPackage

from edge.infrastructure.grpc_channel import Credentials, open_channel
from edge.infrastructure.grpc_fleet import FleetAgent
from edge.infrastructure.package_store import AppliedWish, PackageStore
from edge.outbox.errors import WorkPackageDamagedError
from tests.fakes.cloud_server import ORGANIZATION, STATION, CloudServer
from tests.fakes.floor import until

pytestmark = pytest.mark.requirement("FLT")


def package(number):
    return WorkPackage(station_id=STATION, event_watermark=number).SerializeToString()


@pytest.fixture
async def cloud():
    async with CloudServer() as server:
        yield server


@pytest.fixture
async def folder(tmp_path, cloud):
    issued = cloud.authority.station(ORGANIZATION, STATION)
    credentials = Credentials(
        key_pem=issued.key_pem,
        certificate_pem=issued.certificate_pem,
        ca_pem=cloud.authority.pem,
    )
    store = PackageStore(tmp_path)
    async with open_channel(cloud.address, credentials) as channel:
        task = asyncio.create_task(FleetAgent(store, lambda: STATION).run(channel))
        yield tmp_path
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def digest_in(folder):
    path = folder / "current.digest"
    return path.read_text() if path.exists() else ""


def in_force(folder):
    return (folder / digest_in(folder)).read_bytes()


async def test_the_wished_package_is_fetched_verified_and_reported(cloud, folder) -> None:
    digest = await cloud.fleet.wish(1, package(1))
    await until(lambda: digest_in(folder) == digest)
    assert in_force(folder) == package(1)
    await until(lambda: cloud.ledger.reports)
    report = cloud.ledger.reports[-1]
    assert (report.observed_generation, report.work_digest, report.state) == (1, digest, "in_sync")


async def test_a_newer_wish_replaces_the_package(cloud, folder) -> None:
    await cloud.fleet.wish(1, package(1))
    await until(lambda: digest_in(folder))
    digest = await cloud.fleet.wish(2, package(2))
    await until(lambda: digest_in(folder) == digest)
    assert in_force(folder) == package(2)


async def test_an_older_wish_is_ignored(cloud, folder) -> None:
    digest = await cloud.fleet.wish(5, package(5))
    await until(lambda: digest_in(folder) == digest)
    await cloud.fleet.wish(4, package(4))
    last = await cloud.fleet.wish(6, package(6))
    await until(lambda: digest_in(folder) == last)
    assert 4 not in {r.observed_generation for r in cloud.ledger.reports}


async def test_a_package_that_is_not_its_digest_is_refused_and_the_old_one_stays(
    cloud, folder
) -> None:
    digest = await cloud.fleet.wish(1, package(1))
    await until(lambda: digest_in(folder) == digest)
    cloud.mischief.package_damage = True
    wished = await cloud.fleet.wish(2, package(2))
    await until(lambda: any(r.state == "refused" for r in cloud.ledger.reports))
    assert digest_in(folder) == digest
    assert in_force(folder) == package(1)
    cloud.mischief.package_damage = False
    await until(lambda: digest_in(folder) == wished)


def test_a_package_damaged_on_the_disk_is_fetched_again(tmp_path) -> None:
    store = PackageStore(tmp_path)
    digest = hashlib.sha256(package(1)).hexdigest()
    store.apply(AppliedWish(station_id=STATION, generation=3, work_digest=digest), package(1))
    (tmp_path / digest).write_bytes(b"damaged")
    assert store.applied(STATION) == AppliedWish(station_id=STATION, generation=3)


def test_another_stations_package_counts_as_none(tmp_path) -> None:
    store = PackageStore(tmp_path)
    digest = hashlib.sha256(package(1)).hexdigest()
    store.apply(AppliedWish(station_id="other", generation=3, work_digest=digest), package(1))
    assert store.applied(STATION).generation == 0


def test_applying_wrong_bytes_changes_nothing(tmp_path) -> None:
    store = PackageStore(tmp_path)
    with pytest.raises(WorkPackageDamagedError):
        store.apply(AppliedWish(station_id=STATION, generation=1, work_digest="0" * 64), b"x")
    assert list(tmp_path.iterdir()) == []
