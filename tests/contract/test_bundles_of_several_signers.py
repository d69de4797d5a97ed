"""Bundles that several keys sign, and the word on which keys are the newest."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from kyndof_wire.artifacts.v1 import artifacts_pb2
from kyndof_wire.artifacts.v1.artifacts_pb2_grpc import ArtifactServiceStub

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.signing.bundle_keys import EllipticJudge, FolderBundleKeys
from cloud.rollouts.commands import ApproveRollout, PublishTrust
from cloud.rollouts.errors import (
    ModelBundleInvalidError,
    ModelBundleOlderError,
    RolloutSelfApprovedError,
)
from cloud.rollouts.queries import ModelBundleView
from cloud.rollouts.trust import TIMESTAMP_FOR, read_trust
from tests.fakes.intake import IntakeWorld, intake_over
from tests.fakes.rollouts import OWNER, SIGNER, SYSTEM, Company, small_bundle

pytestmark = [pytest.mark.requirement("ROL"), pytest.mark.timeout(60)]
OWNER_LOGIN = "owner@demo.example"


@pytest.fixture
async def world(database: DatabaseUrls, tmp_path: Path) -> AsyncIterator[IntakeWorld]:
    async with intake_over(database, tmp_path) as opened:
        yield opened


@pytest.fixture
async def company(world: IntakeWorld) -> Company:
    keys = FolderBundleKeys(world.folder / "keys", world.core.clock)
    made = await Company(world=world, keys=keys).ready(1)
    keys.rotate(threshold=2)
    await world.rows(
        "INSERT INTO persons SELECT organization_id, 'usr_01M84YB0E77DAG74DRCKMNRB5K', $1,"
        " name_ko, name_en, '01M84YB0E77DAG74DRCKMNRB5K' FROM persons RETURNING true",
        OWNER_LOGIN,
    )
    await made.send(PublishTrust(versions=keys.versions()), SYSTEM)
    return made


async def test_a_release_needs_as_many_keys_and_persons_as_are_asked_for(
    company: Company,
) -> None:
    first, second = (key.key_id for key in company.keys.trust().release_keys)
    alone = replace(small_bundle(1, company.keys), key_id=first)
    both = replace(alone, co_key_ids=(second,), co_signers=(OWNER_LOGIN,))
    for wrong, field in (
        (alone, "co_key_ids"),
        (replace(both, co_key_ids=(first,)), "co_key_ids"),
        (replace(both, co_key_ids=("0" * 16,)), "co_key_ids"),
        (replace(both, co_signers=()), "co_signers"),
        (replace(both, co_signers=(SIGNER,)), "co_signers"),
        (replace(both, co_signers=("nobody@demo.example",)), "signed_by"),
    ):
        with pytest.raises(ModelBundleInvalidError) as refused:
            await company.send(wrong, SYSTEM)
        assert refused.value.details["field"] == field
    view = await company.send(both, SYSTEM)
    assert isinstance(view, ModelBundleView)
    assert (view.signed_by, view.co_signers) == (SIGNER, (OWNER_LOGIN,))
    rollout = await company.created(view.model_digest)
    with pytest.raises(RolloutSelfApprovedError):
        await company.send(
            ApproveRollout(rollout_id=rollout.rollout_id, model_digest=view.model_digest), OWNER
        )
    # The same release again is the same, an older counter is none.
    assert await company.send(both, SYSTEM) == view
    manifest = both.manifest.replace("1.1.0", "1.1.1")
    files = tuple(
        replace(file, sha256=_sha256(manifest)) if file.name == "manifest.json" else file
        for file in both.files
    )
    with pytest.raises(ModelBundleOlderError):
        await company.send(replace(both, manifest=manifest, files=files), SYSTEM)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


async def test_the_cloud_signs_for_seven_days_which_keys_are_the_newest(
    company: Company,
) -> None:
    _, device = await company.world.enrolled()
    async with company.world.channel(device) as channel:
        told = await ArtifactServiceStub(channel).GetTrust(
            artifacts_pb2.GetTrustRequest(observed_version=2), timeout=10
        )
    assert list(told.versions) == []
    said = json.loads(told.timestamp_json)
    assert said["trust_version"] == 2
    trust = read_trust(company.keys.versions()[-1].trust_json)
    ((key, signature),) = json.loads(told.timestamp_sig).items()
    pem = trust.timestamp_keys[key]
    assert EllipticJudge().holds(pem, told.timestamp_json, base64.b64decode(signature))
    assert TIMESTAMP_FOR.days == 7


async def test_a_cloud_without_the_timestamp_key_says_nothing_of_it(company: Company) -> None:
    _, device = await company.world.enrolled()
    for file in company.keys.folder.glob("timestamp-*.pem"):
        file.unlink()
    async with company.world.channel(device) as channel:
        told = await ArtifactServiceStub(channel).GetTrust(
            artifacts_pb2.GetTrustRequest(), timeout=10
        )
    assert (len(told.versions), told.timestamp_json, told.timestamp_sig) == (2, b"", b"")
