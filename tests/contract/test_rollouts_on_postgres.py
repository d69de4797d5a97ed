"""A rollout goes its way over a real database: what stations report decides."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cloud.commands.errors import ForbiddenError
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.signing.bundle_keys import FolderBundleKeys
from cloud.rollouts.commands import (
    AdvanceRollout,
    ApproveRollout,
    CreateRollout,
    HaltRollout,
    PauseRollout,
    PublishTrust,
    RecordModelReport,
    ReleaseBundle,
    ResumeRollout,
    RollBackFleet,
    StartRollout,
)
from cloud.rollouts.errors import (
    ModelBundleExpiredError,
    ModelBundleInvalidError,
    ModelBundleOlderError,
    ModelBundleUnknownError,
    RolloutDigestError,
    RolloutInvalidError,
    RolloutSelfApprovedError,
    RolloutStageError,
    RolloutStationBusyError,
    RolloutUnknownError,
    TrustInvalidError,
)
from cloud.rollouts.queries import FindRollout, ListModelBundles, ListRollouts, TrustAfter
from cloud.rollouts.trust import SignedTrust
from tests.fakes.core import OTHER, context_of
from tests.fakes.intake import intake_over
from tests.fakes.rollouts import LEAD, OWNER, SIGNER, SYSTEM, Company, small_bundle

pytestmark = [pytest.mark.requirement("ROL"), pytest.mark.timeout(60)]
OLD = "0" * 64
#: Of three stations one is the canary; the others come last.
WAVE = "WAVE_100"


@pytest.fixture
async def company(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[Company]:
    async with intake_over(database, tmp_path) as world:
        keys = FolderBundleKeys(tmp_path / "keys", world.core.clock)
        yield await Company(world=world, keys=keys).ready(3)


def names(company: Company, first: int, last: int) -> list[str]:
    return list(company.stations)[first:last]


async def commit(company: Company, rollout: object, *stations: str, **more: object) -> None:
    counts: dict[str, object] = {"garments": 400, "rejects": 12, **more}
    for name in stations:
        await company.says(name, rollout, "COMMITTED", **counts)  # type: ignore[arg-type]


async def test_a_good_bundle_comes_to_all_stations_wave_by_wave(company: Company) -> None:
    await company.more(18)
    bundle = await company.released()
    rollout = await company.begun(bundle.model_digest)
    assert rollout.stage == "CANARY"
    assert await company.wished(names(company, 0, 2)) == [bundle.model_digest, ""]
    assert await company.look() == 0  # nothing was said yet
    stages = []
    for first, last in ((0, 1), (1, 2), (2, 6), (6, 21)):
        await company.here(*company.stations)
        await commit(company, rollout, *names(company, first, last))
        assert await company.look() == 1
        stages.append((await company.found(rollout)).stage)
    assert stages == ["WAVE_5", "WAVE_25", "WAVE_100", "DONE"]
    assert set(await company.wished(names(company, 0, 21))) == {bundle.model_digest}
    assert await company.look() == 0
    moves = await company.world.rows(
        "SELECT payload->>'next_stage' AS stage FROM events WHERE type = 'rollout_moved'"
        " ORDER BY sequence"
    )
    assert [row["stage"] for row in moves] == ["CANARY", "WAVE_5", "WAVE_25", "WAVE_100", "DONE"]
    audited = await company.world.rows(
        "SELECT metadata::jsonb->'fields'->>'next_stage' AS stage FROM audit_log"
        " WHERE action = 'advance_rollout' ORDER BY sequence"
    )
    assert [row["stage"] for row in audited] == ["WAVE_5", "WAVE_25", "WAVE_100", "DONE"]


async def test_three_points_more_rejects_halt_the_canary_and_everybody_goes_back(
    company: Company,
) -> None:
    bundle = await company.released()
    rollout = await company.begun(bundle.model_digest, canary_garments=1500)
    canary = names(company, 0, 1)[0]
    await company.says(canary, rollout, "SHADOW", garments=50, rejects=40)
    assert await company.look() == 0  # the old one decided those
    garments = 0
    while (await company.found(rollout)).stage == "CANARY" and garments < 1500:
        garments += 100
        rejects = round(garments * 0.08)
        await company.here(canary)
        await company.says(canary, rollout, "TRIAL", garments=garments, rejects=rejects)
        await company.look()
    view = await company.found(rollout)
    assert (view.stage, view.code) == ("ROLLING_BACK", "REJECTS_RISEN")
    assert await company.wished([canary]) == [OLD]
    await company.says(canary, rollout, "ROLLED_BACK", garments=garments, rejects=rejects)
    assert await company.look() == 1
    view = await company.found(rollout)
    assert (view.stage, view.code) == ("HALTED", "REJECTS_RISEN")
    assert {one.state for one in view.stations} == {"ROLLED_BACK", ""}


async def test_a_failure_at_the_canary_halts_and_nobody_else_hears_of_it(company: Company) -> None:
    bundle = await company.released()
    rollout = await company.begun(bundle.model_digest, roll_back_halted=False)
    canary = names(company, 0, 1)[0]
    await company.says(canary, rollout, "FAILED", code="SELF_TEST_SLOW")
    assert await company.look() == 1
    view = await company.found(rollout)
    assert (view.stage, view.code, view.stations[0].code) == (
        "HALTED", "CANARY_FAILED", "SELF_TEST_SLOW",
    )  # fmt: skip
    # What was there before is wished again: a station that comes late must not begin with it.
    assert await company.wished(names(company, 0, 2)) == [OLD, ""]
    assert await company.look() == 0


async def test_a_station_that_is_there_and_silent_at_its_deadline_has_failed(
    company: Company,
) -> None:
    bundle = await company.released()
    rollout = await company.begun(bundle.model_digest, deadline_s=3600.0)
    await company.says(names(company, 0, 1)[0], rollout, "SHADOW")
    company.world.core.clock.advance(seconds=3590)
    await company.here(*company.stations)
    assert await company.look() == 0
    company.world.core.clock.advance(seconds=10)
    assert await company.look() == 1
    assert (await company.found(rollout)).code == "CANARY_FAILED"


async def test_a_station_that_is_away_is_not_judged_and_gets_its_time_when_it_is_back(
    company: Company,
) -> None:
    bundle = await company.released()
    rollout = await company.begun(bundle.model_digest, deadline_s=3600.0)
    company.world.core.clock.advance(seconds=4000)
    assert await company.look() == 1  # its time begins anew; nothing else
    view = await company.found(rollout)
    assert (view.stage, view.numbers.away if view.numbers else None) == ("CANARY", 1)
    await company.here(*company.stations)
    assert await company.look() == 0
    await commit(company, rollout, names(company, 0, 1)[0])
    assert await company.look() == 1
    assert (await company.found(rollout)).stage == WAVE


async def test_a_pause_lets_nothing_begin_takes_no_time_and_hides_no_failure(
    company: Company,
) -> None:
    bundle = await company.released()
    rollout = await company.begun(bundle.model_digest, deadline_s=3600.0)
    name, canary = rollout.rollout_id, names(company, 0, 1)[0]
    await company.send(PauseRollout(rollout_id=name, reason="shift change"))
    await commit(company, rollout, canary)
    company.world.core.clock.advance(hours=9)
    await company.here(*company.stations)
    await company.look()
    assert (await company.found(rollout)).stage == "PAUSED"
    assert await company.wished(names(company, 1, 2)) == [""]
    await company.send(ResumeRollout(rollout_id=name))
    await company.look()
    assert (await company.found(rollout)).stage == WAVE
    await company.send(PauseRollout(rollout_id=name, reason="lunch"))
    await company.says(names(company, 1, 2)[0], rollout, "ROLLED_BACK")
    await company.look()
    view = await company.found(rollout)
    assert (view.stage, view.code, view.paused_stage) == ("ROLLING_BACK", "STATIONS_FAILED", "")


async def test_a_report_that_comes_late_counts_and_an_older_one_does_not(company: Company) -> None:
    bundle = await company.released()
    rollout = await company.begun(bundle.model_digest)
    canary = names(company, 0, 1)[0]
    await company.says(canary, rollout, "TRIAL", generation=3)
    # Its word of having committed was lost; an hour later it says so again.
    company.world.core.clock.advance(hours=1)
    await company.here(canary)
    assert await company.look() == 0
    await commit(company, rollout, canary, generation=3)
    await company.says(canary, rollout, "DOWNLOADING", generation=2)
    assert (await company.states(rollout))[canary] == "COMMITTED"
    assert await company.look() == 1
    assert (await company.found(rollout)).stage == WAVE


async def test_a_commit_counts_only_by_the_word_of_the_bundle_itself(company: Company) -> None:
    bundle = await company.released()
    rollout = await company.begun(bundle.model_digest)
    await commit(company, rollout, names(company, 0, 1)[0], running_digest=OLD)
    assert await company.look() <= 1
    assert (await company.found(rollout)).stage == "CANARY"


async def test_the_first_verdict_about_the_canary_holds(company: Company) -> None:
    bundle = await company.released()
    rollout = await company.begun(bundle.model_digest, canary_garments=1500)
    canary = names(company, 0, 1)[0]
    await company.says(canary, rollout, "TRIAL", garments=400, rejects=8)
    assert await company.look() == 1
    await company.says(canary, rollout, "TRIAL", garments=500, rejects=60)
    assert await company.look() == 0
    await commit(company, rollout, canary, garments=500, rejects=60)
    assert await company.look() == 1
    assert (await company.found(rollout)).stage == WAVE


async def test_a_stage_lasts_at_least_its_soak_time(company: Company) -> None:
    bundle = await company.released()
    rollout = await company.begun(bundle.model_digest, soak_s=600.0)
    canary = names(company, 0, 1)[0]
    await commit(company, rollout, canary)
    await company.look()
    assert (await company.found(rollout)).stage == "CANARY"
    company.world.core.clock.advance(seconds=600)
    await company.here(*company.stations)
    assert await company.look() == 1
    assert (await company.found(rollout)).stage == WAVE


async def test_who_signed_or_made_it_does_not_approve_and_the_digest_is_named(
    company: Company,
) -> None:
    bundle = await company.released()
    made = await company.created(bundle.model_digest)
    name = made.rollout_id
    with pytest.raises(RolloutStageError):
        await company.send(StartRollout(rollout_id=name))
    approve = ApproveRollout(rollout_id=name, model_digest=bundle.model_digest)
    for person in (LEAD, context_of(SIGNER)):
        with pytest.raises(RolloutSelfApprovedError):
            await company.send(approve, person)
    with pytest.raises(RolloutDigestError):
        await company.send(ApproveRollout(rollout_id=name, model_digest=OLD), OWNER)
    await company.send(approve, OWNER)
    with pytest.raises(RolloutStageError):
        await company.send(approve, OWNER)
    view = await company.found(made)
    assert (view.stage, view.approved_by, view.signed_by) == (
        "SIGNED", "owner@demo.example", SIGNER,
    )  # fmt: skip


async def test_another_organization_sees_and_touches_nothing(company: Company) -> None:
    bundle = await company.released()
    made = await company.begun(bundle.model_digest)
    stranger = context_of("lead@other.example", organization_id=OTHER)
    assert await company.ask(ListModelBundles(), stranger) == ()
    assert await company.ask(ListRollouts(), stranger) == ()
    with pytest.raises(RolloutUnknownError):
        await company.ask(FindRollout(rollout_id=made.rollout_id), stranger)
    with pytest.raises(RolloutUnknownError):
        await company.send(HaltRollout(rollout_id=made.rollout_id, reason="no"), stranger)
    ids = tuple(company.stations.values())
    create = CreateRollout(
        model_digest=bundle.model_digest, station_ids=ids, canary_station_id=ids[0]
    )
    with pytest.raises(ModelBundleUnknownError):
        await company.send(create, stranger)


async def test_a_person_halts_and_takes_the_fleet_back(company: Company) -> None:
    bundle = await company.released()
    rollout = await company.begun(bundle.model_digest)
    name, canary = rollout.rollout_id, names(company, 0, 1)[0]
    await company.says(canary, rollout, "SHADOW")
    await commit(company, rollout, canary)
    with pytest.raises(RolloutInvalidError):
        await company.send(HaltRollout(rollout_id=name, reason=" "))
    await company.send(HaltRollout(rollout_id=name, reason="customer visit"))
    view = await company.found(rollout)
    assert (view.stage, view.code, view.reason) == ("HALTED", "HALTED_BY_PERSON", "customer visit")
    assert await company.wished([canary]) == [bundle.model_digest]  # it has committed it
    await company.send(RollBackFleet(rollout_id=name, reason="all of them"))
    assert await company.wished([canary]) == [OLD]
    assert await company.look() == 0  # it still runs the new one
    await company.says(canary, rollout, "COMMITTED", generation=10, running_digest=OLD)
    assert await company.look() == 1
    assert (await company.found(rollout)).stage == "HALTED"
    with pytest.raises(RolloutStageError):
        await company.send(ResumeRollout(rollout_id=name))


async def test_a_station_takes_part_in_one_rollout_at_a_time(company: Company) -> None:
    first, second = await company.released(), await company.released(2)
    waiting = await company.created(second.model_digest)
    approve = ApproveRollout(rollout_id=waiting.rollout_id, model_digest=second.model_digest)
    await company.send(approve, OWNER)
    await company.begun(first.model_digest)
    with pytest.raises(RolloutStationBusyError):
        await company.created(second.model_digest)
    with pytest.raises(RolloutStationBusyError):
        await company.send(StartRollout(rollout_id=waiting.rollout_id))


async def test_what_is_no_bundle_of_ours_is_not_released(company: Company) -> None:
    good = small_bundle(5, company.keys)
    await company.send(good, SYSTEM)
    assert await company.send(good, SYSTEM)  # the same one again

    def changed(**more: object) -> ReleaseBundle:
        values = {name: getattr(good, name) for name in ReleaseBundle.__dataclass_fields__}
        return ReleaseBundle(**{**values, **more})

    with pytest.raises(ModelBundleOlderError):
        await company.send(small_bundle(4, company.keys), SYSTEM)
    other = small_bundle(6, company.keys)
    for wrong in (
        changed(manifest="{}"),
        changed(manifest=other.manifest),
        changed(manifest=other.manifest, files=other.files, key_id="f" * 16),
        changed(manifest=other.manifest, files=other.files, signed_by=" "),
        changed(manifest=other.manifest, files=other.files, signed_by="nobody@demo.example"),
        changed(manifest=other.manifest, files=other.files[:-1]),
        changed(manifest=other.manifest, files=other.files, chunk_sha256=()),
    ):
        with pytest.raises(ModelBundleInvalidError):
            await company.send(wrong, SYSTEM)
    company.world.core.clock.advance(days=400)
    with pytest.raises(ModelBundleExpiredError):
        await company.send(other, SYSTEM)
    (found,) = await company.ask(ListModelBundles())  # type: ignore[misc]
    with pytest.raises(ModelBundleExpiredError):
        await company.created(found.model_digest)


async def test_later_keys_follow_only_by_the_roots_before_them(
    company: Company, tmp_path: Path
) -> None:
    company.keys.rotate()
    company.keys.rotate()
    versions = company.keys.versions()
    with pytest.raises(TrustInvalidError):
        await company.send(PublishTrust(versions=versions[2:]), SYSTEM)
    stranger = FolderBundleKeys(tmp_path / "stranger", company.world.core.clock)
    stranger.make()
    stranger.rotate()
    with pytest.raises(TrustInvalidError):
        await company.send(PublishTrust(versions=stranger.versions()[1:]), SYSTEM)
    forged = SignedTrust(trust_json=versions[1].trust_json, trust_sig=b"{}")
    with pytest.raises(TrustInvalidError):
        await company.send(PublishTrust(versions=(forged,)), SYSTEM)
    await company.send(PublishTrust(versions=versions), SYSTEM)
    told = await company.ask(TrustAfter(version=1))
    assert getattr(told, "versions", None) == versions[1:]


async def test_reports_and_rollouts_that_cannot_be_are_refused(company: Company) -> None:
    bundle = await company.released()
    rollout = await company.begun(bundle.model_digest)
    canary, other = names(company, 0, 2)
    for more in ({"garments": 1, "rejects": 2}, {"garments": -1}):
        with pytest.raises(RolloutInvalidError):
            await company.says(canary, rollout, "TRIAL", **more)  # type: ignore[arg-type]
    with pytest.raises(RolloutInvalidError):
        await company.says(canary, rollout, "FLYING")
    report = RecordModelReport(
        station_id=company.stations[canary], assigned_digest=bundle.model_digest,
        rollout_id=rollout.rollout_id, state="COMMITTED", code="",
        running_digest=bundle.model_digest, garments=0, rejects=0, errors=0, overrides=0,
        observed_generation=1,
    )  # fmt: skip
    with pytest.raises(ForbiddenError):
        await company.send(report, context_of(f"station:{company.stations[other]}"))
    advance = AdvanceRollout(
        rollout_id=rollout.rollout_id, stage="CANARY", next_stage=WAVE, reason=""
    )
    with pytest.raises(RolloutStageError):
        await company.send(advance, SYSTEM)
    for numbers in ({"baseline_ratio": 0.0}, {"deadline_s": 0.0}, {"canary_garments": 0}):
        with pytest.raises(Exception, match=r".") as caught:
            await company.created(bundle.model_digest, **numbers)  # type: ignore[arg-type]
        assert getattr(caught.value, "code", "") in {"ROLLOUT_STATION_BUSY", "ROLLOUT_INVALID"}
