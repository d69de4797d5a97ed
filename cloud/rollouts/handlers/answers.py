"""What may be read about bundles and their rollouts."""

import json
from dataclasses import replace

from cloud.commands.ports import UnitOfWork
from cloud.rollouts.errors import ModelBundleUnknownError
from cloud.rollouts.handlers.lookup import rollout_of, rollout_view
from cloud.rollouts.handlers.preparation import bundle_view
from cloud.rollouts.ports import BundleStore, RolloutDefaults, RolloutStore, TimestampSigner
from cloud.rollouts.queries import (
    FindRollout,
    FindRolloutDefaults,
    FindWishedBundle,
    ListModelBundles,
    ListRollouts,
    ModelBundleView,
    PlanRollout,
    RolloutDefaultsView,
    RolloutPlan,
    RolloutView,
    TrustAfter,
    TrustVersions,
    WishedBundle,
)
from cloud.rollouts.standing import is_due, planned
from cloud.rollouts.trust import SignedTimestamp, read_trust, timestamp_of

_LARGEST = 1_000


async def list_model_bundles(
    query: ListModelBundles, unit: UnitOfWork
) -> tuple[ModelBundleView, ...]:
    """Return released bundles, newest first."""
    limit = max(1, min(query.limit, _LARGEST))
    found = await unit.store(BundleStore).newest(limit, query.before)
    return tuple(bundle_view(bundle) for bundle in found)


async def list_rollouts(query: ListRollouts, unit: UnitOfWork) -> tuple[RolloutView, ...]:
    """Return rollouts without their stations, newest first."""
    limit = max(1, min(query.limit, _LARGEST))
    found = await unit.store(RolloutStore).newest(limit, query.before)
    return tuple(
        replace(rollout_view(rollout, signed_by, ()), station_count=count)
        for rollout, signed_by, count in found
    )


async def find_rollout(query: FindRollout, unit: UnitOfWork) -> RolloutView:
    """Return one rollout.

    Raises:
        RolloutUnknownError: no such rollout.
    """
    rollout = await rollout_of(query.rollout_id, unit)
    now = unit.clock.now()
    stations = tuple(await unit.store(RolloutStore).participants(rollout.rollout_id, now))
    bundle = await unit.store(BundleStore).find(rollout.model_digest)
    signed_by = bundle.signed_by if bundle is not None else ""
    return rollout_view(rollout, signed_by, stations, planned(rollout, stations, now))


async def find_rollout_defaults(
    _query: FindRolloutDefaults, unit: UnitOfWork
) -> RolloutDefaultsView:
    """Return the numbers of this installation."""
    usual = unit.store(RolloutDefaults).defaults()
    return RolloutDefaultsView(
        trial=usual.trial,
        deadline_s=usual.deadline_s,
        soak_s=usual.soak_s,
        canary_garments=usual.canary_garments,
        few=usual.few,
    )


async def plan_rollout(query: PlanRollout, unit: UnitOfWork) -> RolloutPlan:
    """Say what the reports ask for.

    Raises:
        RolloutUnknownError: no such rollout.
    """
    rollout = await rollout_of(query.rollout_id, unit)
    now = unit.clock.now()
    stations = await unit.store(RolloutStore).participants(rollout.rollout_id, now)
    plan = planned(rollout, stations, now)
    return RolloutPlan(
        rollout_id=rollout.rollout_id,
        stage=rollout.stage.value,
        next_stage=plan.next_stage.value,
        code=plan.code,
        due=is_due(rollout, plan),
    )


async def find_wished_bundle(query: FindWishedBundle, unit: UnitOfWork) -> WishedBundle:
    """Return the files of a bundle that a station of the organization is wished.

    Raises:
        ModelBundleUnknownError: no such bundle, or nobody here is wished it.
    """
    store = unit.store(BundleStore)
    bundle = await store.find(query.model_digest)
    if bundle is None or not await store.is_wished(query.model_digest):
        raise ModelBundleUnknownError("no such bundle is wished here")
    return WishedBundle(
        model_digest=bundle.model_digest, files=bundle.files, chunk_sha256=bundle.chunk_sha256
    )


async def trust_after(query: TrustAfter, unit: UnitOfWork) -> TrustVersions:
    """Return later versions of the trusted keys, and a word of today on which is the newest."""
    every = [
        (read_trust(signed.trust_json), signed)
        for signed in await unit.store(BundleStore).trust_after(0)
    ]
    later = tuple(signed for trust, signed in every if trust.version > query.version)
    if not every:
        return TrustVersions(versions=later)
    newest, _ = every[-1]
    content = timestamp_of(newest.version, unit.clock.now())
    signatures = unit.store(TimestampSigner).sign(content)
    known = {key: text for key, text in signatures.items() if key in newest.timestamp_keys}
    stamp = SignedTimestamp(timestamp_json=content, timestamp_sig=json.dumps(known).encode())
    return TrustVersions(versions=later, timestamp=stamp if known else None)
