"""A bundle is released, and a rollout of it is made and approved."""

from dataclasses import replace
from datetime import datetime

from cloud.commands.ports import UnitOfWork
from cloud.rollouts.bundle import ReleasedBundle, check_files, read_manifest
from cloud.rollouts.commands import ApproveRollout, CreateRollout, PublishTrust, ReleaseBundle
from cloud.rollouts.errors import (
    ModelBundleExpiredError,
    ModelBundleInvalidError,
    ModelBundleOlderError,
    ModelBundleUnknownError,
    RolloutDigestError,
    RolloutInvalidError,
    RolloutSelfApprovedError,
    RolloutStationBusyError,
)
from cloud.rollouts.events import (
    ModelBundleReleased,
    ModelTrustPublished,
    RolloutApproved,
    RolloutCreated,
)
from cloud.rollouts.handlers.lookup import at_stage, rollout_of, rollout_view
from cloud.rollouts.ports import BundleStore, RolloutDefaults, RolloutStore, SignatureJudge
from cloud.rollouts.queries import ModelBundleView, RolloutView, TrustVersions
from cloud.rollouts.rollout import RolloutRules, RolloutStage, waves_of
from cloud.rollouts.standing import (
    MOST_STATIONS,
    USUAL_OVERRIDE_RATIO,
    Defaults,
    Rollout,
    RolloutTerms,
    TrialNumbers,
    tests_of,
)
from cloud.rollouts.trust import follow, read_trust

#: When the floor has judged too few garments to say, this share of rejects is taken as usual.
USUAL_RATIO = 0.05
LEAST_RATIO = 0.005
LARGEST_RATIO = 0.5
LEAST_OVERRIDE_RATIO = 0.005
LARGEST_OVERRIDE_RATIO = 0.25
#: A single worker who presses a button a few times takes no bundle back.
SOME_OVERRIDE_RATIO = 0.02
LONGEST_S = 30 * 86_400.0


async def publish_trust(command: PublishTrust, unit: UnitOfWork) -> TrustVersions:
    """Keep the versions that follow the newest one, and answer with those that were new.

    Raises:
        TrustInvalidError: one is damaged, skipped or not signed by the roots before it.
    """
    store, judge = unit.store(BundleStore), unit.store(SignatureJudge)
    known = await store.trust_after(0)
    before = read_trust(known[-1].trust_json) if known else None
    added = []
    for signed in command.versions:
        if before is not None and read_trust(signed.trust_json).version <= before.version:
            continue
        before = follow(before, signed, judge.holds)
        await store.add_trust(before.version, signed, unit.clock.now())
        unit.record(ModelTrustPublished(version=before.version))
        added.append(signed)
    return TrustVersions(versions=tuple(added))


async def release_bundle(command: ReleaseBundle, unit: UnitOfWork) -> ModelBundleView:
    """Let a bundle be rolled out; the same one again changes nothing.

    Raises:
        ModelBundleInvalidError: manifest or files are not usable, too few trusted keys signed it,
            or a signer is nobody of the organization.
        ModelBundleExpiredError: its time is over.
        ModelBundleOlderError: the release counter does not rise.
    """
    manifest = read_manifest(command.manifest)
    size = check_files(manifest, command.files, command.chunk_sha256)
    store, now = unit.store(BundleStore), unit.clock.now()
    if (known := await store.find(manifest.model_digest)) is not None:
        return bundle_view(known)
    if manifest.expires_at <= now:
        raise ModelBundleExpiredError(
            "the bundle's time is over", expires_at=manifest.expires_at.isoformat()
        )
    await _check_signers(command, store, now)
    newest = await store.newest_counter(manifest.name)
    if manifest.release_counter <= newest:
        raise ModelBundleOlderError("the release counter must rise", newest=newest)
    bundle = ReleasedBundle(
        model_digest=manifest.model_digest,
        name=manifest.name,
        version=manifest.version,
        release_counter=manifest.release_counter,
        expires_at=manifest.expires_at,
        signed_by=command.signed_by,
        key_id=command.key_id,
        size_bytes=size,
        manifest=command.manifest,
        files=tuple(sorted(command.files, key=lambda file: file.name)),
        chunk_sha256=command.chunk_sha256,
        released_at=now,
        co_signers=tuple(sorted({*command.co_signers} - {command.signed_by})),
    )
    await store.add(bundle)
    unit.record(
        ModelBundleReleased(
            model_digest=bundle.model_digest,
            name=bundle.name,
            version=bundle.version,
            signed_by=bundle.signed_by,
        )
    )
    return bundle_view(bundle)


async def _check_signers(command: ReleaseBundle, store: BundleStore, now: datetime) -> None:
    """Refuse fewer keys of today than are asked for, and signers who are nobody here."""
    versions = await store.trust_after(0)
    trust = read_trust(versions[-1].trust_json) if versions else None
    today = {key.key_id for key in trust.release_keys if now < key.not_after} if trust else set()
    signed = today & {command.key_id, *command.co_key_ids}
    if trust is None or command.key_id not in signed:
        raise ModelBundleInvalidError("no trusted key of today signed it", field="key_id")
    if len(signed) < trust.threshold:
        raise ModelBundleInvalidError(
            f"{len(signed)} of {trust.threshold} release keys signed it",
            field="co_key_ids",
            expected=trust.threshold,
            actual=len(signed),
        )
    signers = {command.signed_by, *command.co_signers}
    if len(signers) < trust.threshold:
        raise ModelBundleInvalidError(
            "say who the other signers are", field="co_signers", expected=trust.threshold
        )
    for login in sorted(signers):
        if not await store.is_person(login):
            # Who signed approves no rollout of it: a login that nobody has would keep nobody out.
            raise ModelBundleInvalidError(
                "say which person signed the bundle", field="signed_by", actual=login
            )


async def create_rollout(command: CreateRollout, unit: UnitOfWork) -> RolloutView:
    """Plan a rollout; it waits for somebody else's approval.

    Raises:
        ModelBundleUnknownError: no such bundle.
        ModelBundleExpiredError: its time is over.
        RolloutInvalidError: stations or numbers that cannot be.
        RolloutStationBusyError: a station takes part in another open rollout.
        ShiftTestInvalidError: shares that leave nothing to decide.
    """
    now, store = unit.clock.now(), unit.store(RolloutStore)
    bundle = await usable_bundle(command.model_digest, unit)
    if len(command.station_ids) > MOST_STATIONS:
        raise RolloutInvalidError(f"at most {MOST_STATIONS} stations", field="station_ids")
    waves = waves_of(command.station_ids, command.canary_station_id)
    usable = await store.usable_stations(command.station_ids)
    if unknown := [one for one in command.station_ids if one not in usable]:
        raise RolloutInvalidError(
            "no such stations, or shut out", field="station_ids", actual=unknown
        )
    await refuse_busy(command.station_ids, unit)
    terms = await _terms(command, unit.store(RolloutDefaults).defaults(), store)
    rollout = Rollout(
        rollout_id=unit.ids.new("rol"),
        model_digest=bundle.model_digest,
        name=bundle.name,
        version=bundle.version,
        stage=RolloutStage.DRAFT,
        canary_station_id=command.canary_station_id,
        terms=terms,
        created_by=unit.context.user,
        created_at=now,
        stage_at=now,
    )
    for stage in (RolloutStage.CANARY, RolloutStage.WAVE_5):
        tests_of(rollout, stage)
    await store.add(rollout, waves)
    unit.record(
        RolloutCreated(
            rollout_id=rollout.rollout_id,
            model_digest=rollout.model_digest,
            name=rollout.name,
            version=rollout.version,
            station_count=len(command.station_ids),
            created_by=rollout.created_by,
        )
    )
    stations = await store.participants(rollout.rollout_id, now)
    return rollout_view(rollout, bundle.signed_by, tuple(stations))


async def _terms(command: CreateRollout, usual: Defaults, store: RolloutStore) -> RolloutTerms:
    counted = await store.usual_ratios(command.station_ids)
    overruled = USUAL_OVERRIDE_RATIO if counted is None else counted.override_ratio
    overruled = min(max(overruled, LEAST_OVERRIDE_RATIO), LARGEST_OVERRIDE_RATIO)
    trial = command.trial or _trial(usual, overruled)
    trial.check()
    baseline = command.baseline_ratio
    if baseline is None:
        baseline = USUAL_RATIO if counted is None else counted.reject_ratio
        # With no rejects at all nothing could be told apart, with half of them neither.
        baseline = min(max(baseline, LEAST_RATIO), LARGEST_RATIO)
    garments = usual.canary_garments if command.canary_garments is None else command.canary_garments
    if not 1 <= garments <= 1_000_000:
        raise RolloutInvalidError("the canary judges garments", field="canary_garments")
    deadline_s = usual.deadline_s if command.deadline_s is None else command.deadline_s
    soak_s = usual.soak_s if command.soak_s is None else command.soak_s
    if not 0 < deadline_s <= LONGEST_S or not 0 <= soak_s <= LONGEST_S:
        raise RolloutInvalidError("times lie between 0 and 30 days", field="deadline_s")
    return RolloutTerms(
        trial=trial,
        rules=RolloutRules(most_canary_garments=garments),
        baseline_ratio=baseline,
        deadline_s=deadline_s,
        soak_s=soak_s,
        roll_back_halted=command.roll_back_halted,
        override_baseline_ratio=overruled,
    )


def _trial(usual: Defaults, overruled_ratio: float) -> TrialNumbers:
    """Return the usual numbers; a station takes twice the usual overruling, and some at least."""
    least = usual.trial.override_ratio if usual.few else SOME_OVERRIDE_RATIO
    return replace(usual.trial, override_ratio=max(least, 2 * overruled_ratio))


async def approve_rollout(command: ApproveRollout, unit: UnitOfWork) -> RolloutView:
    """Agree to a rollout, by the digest of its bundle.

    Raises:
        RolloutUnknownError: no such rollout.
        RolloutStageError: it does not wait for an approval.
        RolloutDigestError: the digest is another one.
        RolloutSelfApprovedError: the asker signed the bundle or made the rollout.
    """
    rollout = await rollout_of(command.rollout_id, unit, lock=True)
    at_stage(rollout, RolloutStage.DRAFT)
    if command.model_digest != rollout.model_digest:
        raise RolloutDigestError("the rollout holds another bundle", expected=rollout.model_digest)
    bundle = await usable_bundle(rollout.model_digest, unit)
    user = unit.context.user
    if user in {bundle.signed_by, *bundle.co_signers, rollout.created_by}:
        raise RolloutSelfApprovedError(
            "who signed the bundle or made the rollout does not approve it",
            signed_by=bundle.signed_by,
            created_by=rollout.created_by,
        )
    now, store = unit.clock.now(), unit.store(RolloutStore)
    approved = replace(
        rollout, stage=RolloutStage.SIGNED, approved_by=user, approved_at=now, stage_at=now
    )
    await store.save(approved)
    unit.record(
        RolloutApproved(
            rollout_id=rollout.rollout_id, model_digest=rollout.model_digest, approved_by=user
        )
    )
    stations = await store.participants(rollout.rollout_id, now)
    return rollout_view(approved, bundle.signed_by, tuple(stations))


async def usable_bundle(model_digest: str, unit: UnitOfWork) -> ReleasedBundle:
    """Return a bundle that stations would still begin with.

    Raises:
        ModelBundleUnknownError: no such bundle.
        ModelBundleExpiredError: its time is over.
    """
    bundle = await unit.store(BundleStore).find(model_digest)
    if bundle is None:
        raise ModelBundleUnknownError("no such bundle", model_digest=model_digest)
    if bundle.expires_at <= unit.clock.now():
        raise ModelBundleExpiredError("the bundle's time is over", model_digest=model_digest)
    return bundle


async def refuse_busy(station_ids: tuple[str, ...], unit: UnitOfWork, but: str = "") -> None:
    """Refuse stations that take part in another rollout than ``but``.

    Raises:
        RolloutStationBusyError: names the station and its rollout.
    """
    for station_id, rollout_id in (await unit.store(RolloutStore).busy(station_ids)).items():
        if rollout_id != but:
            raise RolloutStationBusyError(
                "the station takes part in another open rollout",
                station_id=station_id,
                rollout_id=rollout_id,
            )


def bundle_view(bundle: ReleasedBundle) -> ModelBundleView:
    """Show a bundle without its files."""
    return ModelBundleView(
        model_digest=bundle.model_digest,
        name=bundle.name,
        version=bundle.version,
        release_counter=bundle.release_counter,
        expires_at=bundle.expires_at,
        signed_by=bundle.signed_by,
        key_id=bundle.key_id,
        size_bytes=bundle.size_bytes,
        file_count=len(bundle.files),
        released_at=bundle.released_at,
        co_signers=bundle.co_signers,
    )
