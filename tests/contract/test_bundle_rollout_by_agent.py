"""Wish, download, trial and report between a real gRPC server, the agent and the station."""

import asyncio

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from kyndof_wire.fleet.v1.fleet_pb2 import TrialRules, TrialState

from edge.composition import compose_inspection
from edge.composition.bundles import compose_model_agent
from edge.infrastructure.ending_tasks import end_tasks
from edge.infrastructure.grpc_channel import Credentials, open_channel
from edge.infrastructure.grpc_fleet import FleetAgent
from edge.infrastructure.package_store import PackageStore
from edge.inspection.teaching import Lesson
from edge.settings import EdgeSettings
from tests.fakes.cloud_server import ORGANIZATION, STATION, CloudServer
from tests.fakes.desk import Cloths
from tests.fakes.floor import until
from tests.fakes.releases import BASE_DIGEST, Key, digest_of, make_bundle, sign, trust
from tests.fakes.trial_stand import RULES, STYLE, TrialStand

pytestmark = [pytest.mark.requirement("ROL", "FLT"), pytest.mark.timeout(180)]
ROOT, RELEASE = Key(), Key()
NUMBERS = TrialRules(
    shadow_garments=RULES.shadow_garments,
    trial_garments=RULES.trial_garments,
    failing_restarts=2,
    error_ratio=0.2,
    slow_ratio=0.2,
    override_ratio=0.2,
    slope_ratio=RULES.slope_ratio,
    upper_count=RULES.upper_count,
)


@pytest.fixture(scope="module")
def taught():
    cloths = Cloths()
    lesson = Lesson(style=STYLE, few=True)
    pipeline = compose_inspection(EdgeSettings())
    bank = pipeline.learn(lesson, [cloths.good() for _ in range(5)])
    return bank.to_bytes(), cloths.good()


class Floor:
    """A station with its agent, joined to a cloud."""

    def __init__(self, cloud: CloudServer, stand: TrialStand, station: str = STATION) -> None:
        self.cloud, self.stand, self.station = cloud, stand, station
        self._tasks: list[asyncio.Task] = []
        self._channel = None

    async def connect(self) -> "Floor":
        issued = self.cloud.authority.station(ORGANIZATION, self.station)
        credentials = Credentials(
            key_pem=issued.key_pem,
            certificate_pem=issued.certificate_pem,
            ca_pem=self.cloud.authority.pem,
        )
        self._channel = open_channel(self.cloud.address, credentials)
        home = self.stand.settings.station_home
        models = compose_model_agent(self.stand.settings, "0.1.0")
        fleet = FleetAgent(PackageStore(home / "packages"), lambda: self.station, None, models)
        self._tasks = [
            asyncio.create_task(fleet.run(self._channel)),
            asyncio.create_task(self.stand.trial.run()),
        ]
        return self

    async def close(self) -> None:
        await end_tasks(self._tasks)
        await self._channel.close()

    async def wish(self, generation: int, digest: str, **more) -> None:
        await self.cloud.fleet.desire(generation=generation, model_digest=digest, **more)

    def reported(self):
        """The last report about bundles."""
        found = [report.model for report in self.cloud.ledger.reports if report.HasField("model")]
        return found[-1] if found else None

    def says(self, state: str) -> bool:
        last = self.reported()
        return last is not None and TrialState.Name(last.state) == f"TRIAL_STATE_{state}"


@pytest.fixture
async def floor(tmp_path, taught):
    async with CloudServer() as cloud:
        cloud.shelf.trust = [trust(1, [ROOT], [RELEASE])]
        stand = TrialStand(tmp_path / "home", taught[0])
        floor = await Floor(cloud, stand).connect()
        yield floor
        await floor.close()
        floor.stand.close()


@pytest.fixture
def bundle(tmp_path):
    return sign(make_bundle(tmp_path / "good", release_counter=3), RELEASE)


async def test_a_wished_bundle_is_fetched_tried_and_reported_committed(
    floor, bundle, taught
) -> None:
    digest = floor.cloud.shelf.put(bundle)
    await floor.wish(1, digest, rollout_id="rol_1", trial_rules=NUMBERS)
    await until(lambda: floor.says("SHADOW"))
    assert floor.reported().running_digest == BASE_DIGEST
    for _ in range(2):
        await floor.stand.judge(taught[1])
    await until(lambda: floor.says("TRIAL"))
    assert floor.reported().running_digest == digest
    # A wish whose bundle is the same begins nothing anew, however often work changes it.
    await floor.wish(7, digest, rollout_id="rol_1", trial_rules=NUMBERS)
    # The word of success is lost three times: nothing goes back, and it is told later.
    floor.cloud.mischief.lose_reports = 3
    for _ in range(3):
        await floor.stand.judge(taught[1])
    await until(lambda: floor.says("COMMITTED"), 30)
    last = floor.reported()
    assert (last.assigned_digest, last.running_digest, last.rollout_id) == (digest, digest, "rol_1")
    assert (last.garments, last.rejects, last.observed_generation) == (3, 0, 7)
    assert floor.stand.state == "COMMITTED"


async def test_a_refused_bundle_is_reported_with_its_reason_and_fetched_once(floor, bundle) -> None:
    (bundle / "model.sig").unlink()
    digest = floor.cloud.shelf.put(sign(bundle, Key()))
    await floor.wish(1, digest, rollout_id="rol_1", trial_rules=NUMBERS)
    await until(lambda: floor.says("FAILED"))
    assert floor.reported().reason == "BUNDLE_SIGNATURE_WRONG"
    assert floor.reported().running_digest == BASE_DIGEST
    read = len(floor.cloud.shelf.read)
    await floor.wish(2, digest, rollout_id="rol_1", trial_rules=NUMBERS)
    await until(lambda: floor.reported().observed_generation == 2)
    assert len(floor.cloud.shelf.read) == read
    # Another rollout of it is another wish: it is fetched again.
    await floor.wish(3, digest, rollout_id="rol_2", trial_rules=NUMBERS)
    await until(lambda: len(floor.cloud.shelf.read) > read)


@pytest.mark.faults
async def test_a_recall_brings_the_bundle_before_back_without_a_download(
    floor, tmp_path, taught
) -> None:
    one = sign(make_bundle(tmp_path / "one", release_counter=3), RELEASE)
    two = make_bundle(
        tmp_path / "two",
        version="4.0.0",
        release_counter=4,
        allow_rollback_to=[digest_of(one)],
    )
    for generation, made in enumerate((one, sign(two, RELEASE)), start=1):
        digest = floor.cloud.shelf.put(made)
        rollout = f"rol_{generation}"
        await floor.wish(generation, digest, rollout_id=rollout, trial_rules=NUMBERS)
        await until(lambda r=rollout: floor.says("SHADOW") and floor.reported().rollout_id == r)
        for _ in range(5):
            await floor.stand.judge(taught[1])
        await until(lambda: floor.says("COMMITTED"))
    read = len(floor.cloud.shelf.read)
    await floor.wish(3, digest_of(one))
    await until(lambda: floor.reported().running_digest == digest_of(one))
    assert floor.says("COMMITTED")
    assert len(floor.cloud.shelf.read) == read


@pytest.mark.parametrize(
    "held",
    [
        {"not_before": Timestamp(seconds=4_000_000_000)},
        {"expires_at": Timestamp(seconds=1_000_000_000)},
        {"min_agent_version": "9.0"},
    ],
)
async def test_a_wish_whose_time_has_not_come_or_is_over_changes_nothing(
    floor, bundle, held
) -> None:
    digest = floor.cloud.shelf.put(bundle)
    await floor.wish(1, digest, rollout_id="rol_1", trial_rules=NUMBERS, **held)
    await until(lambda: floor.reported() is not None)
    await asyncio.sleep(1.2)
    assert floor.stand.state == ""
    assert floor.cloud.shelf.read == []


@pytest.mark.faults
async def test_a_restarted_station_goes_on_and_says_so(floor, bundle, taught) -> None:
    digest = floor.cloud.shelf.put(bundle)
    await floor.wish(1, digest, rollout_id="rol_1", trial_rules=NUMBERS)
    await until(lambda: floor.says("SHADOW"))
    await floor.close()
    floor.stand = floor.stand.again()
    await floor.connect()
    for _ in range(5):
        await floor.stand.judge(taught[1])
    await until(lambda: floor.says("COMMITTED"))
    assert floor.reported().running_digest == digest


@pytest.mark.faults
async def test_a_station_enrolled_elsewhere_follows_its_new_cloud_from_the_first_generation(
    floor, bundle, taught, tmp_path
) -> None:
    digest = floor.cloud.shelf.put(bundle)
    await floor.wish(9, digest, rollout_id="rol_1", trial_rules=NUMBERS)
    await until(lambda: floor.says("SHADOW"))
    for _ in range(2):
        await floor.stand.judge(taught[1])
    await until(lambda: floor.says("TRIAL"))
    await floor.close()
    roots, release = Key(), Key()
    first = make_bundle(tmp_path / "first", release_counter=1, version="1.0.0")
    async with CloudServer() as cloud:
        # Another organization: its own keys, its own counters, its own generations.
        cloud.shelf.trust = [trust(1, [roots], [release])]
        other = cloud.shelf.put(sign(first, release))
        moved = await Floor(cloud, floor.stand, "sta_01M84YB0E77DAG74DRCKMNRB5K").connect()
        await moved.wish(1, "", rollout_id="")
        await asyncio.sleep(0)
        assert moved.reported() is None or not moved.reported().assigned_digest
        await moved.wish(2, other, rollout_id="rol_2", trial_rules=NUMBERS)
        await until(lambda: moved.says("SHADOW"), 60)
        last = moved.reported()
        assert (last.assigned_digest, last.running_digest) == (other, BASE_DIGEST)
        assert (last.rollout_id, last.observed_generation) == ("rol_2", 2)
        await moved.close()
