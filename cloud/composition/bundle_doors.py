"""What `kyndof bundle` does: keys in a folder, a signed folder, its release."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cloud.commands.command import CommandContext, Source
from cloud.composition.core import SettingMissingError, open_bus
from cloud.interfaces.terminal.bundles import (
    BundleDoors,
    BundleKey,
    BundleKeys,
    ManifestWords,
    Signed,
)
from cloud.permissions.machine_rights import SYSTEM
from cloud.rollouts.commands import PublishTrust, ReleaseBundle
from cloud.rollouts.queries import ModelBundleView, TrustVersions
from cloud.settings import CloudSettings

if TYPE_CHECKING:
    from cloud.infrastructure.signing.bundle_keys import FolderBundleKeys
    from cloud.interfaces.terminal.app import OpenedBus


def bundle_doors(settings: CloudSettings) -> BundleDoors:
    """Return the doors."""
    hands = _Hands(settings)
    return BundleDoors(
        keys=hands.keys,
        publish=hands.publish,
        prepare=hands.prepare,
        sign=hands.sign,
        release=hands.release,
    )


def open_keys(settings: CloudSettings) -> "FolderBundleKeys":
    """Return the keys that sign bundles; one machine makes its own.

    Raises:
        SettingMissingError: production names no folder of keys.
    """
    from cloud.infrastructure.signing.bundle_keys import FolderBundleKeys
    from cloud.infrastructure.system_time import SystemClock

    folder = settings.bundle_keys
    if folder is None:
        if settings.environment == "production":
            raise SettingMissingError(
                "production signs no bundle with keys of its own making; set KYNDOF_BUNDLE_KEYS "
                "to the folder of the root and release keys"
            )
        folder = settings.home / "bundle-keys"
    return FolderBundleKeys(folder, SystemClock())


@dataclass(frozen=True, slots=True)
class _Hands:
    settings: CloudSettings

    async def keys(self, rotate: bool, retired: tuple[str, ...], threshold: int) -> BundleKeys:
        keys = open_keys(self.settings)
        keys.make()
        if rotate:
            keys.rotate(retired, threshold)
        trust, here = keys.trust(), keys.private_keys()
        return BundleKeys(
            version=trust.version,
            expires_at=trust.expires_at,
            threshold=trust.threshold,
            folder=str(keys.folder),
            keys=tuple(
                BundleKey(key_id=key.key_id, not_after=key.not_after, here=key.key_id in here)
                for key in trust.release_keys
            ),
        )

    async def publish(self, organization: str) -> int:
        versions = open_keys(self.settings).versions()
        async with open_bus(self.settings) as opened:
            context = _context(opened, organization)
            told: TrustVersions = await opened.bus.send(PublishTrust(versions=versions), context)
            return len(told.versions)

    async def prepare(self, folder: Path, words: ManifestWords) -> None:
        from cloud.infrastructure.signing.bundle_signing import (
            BundleFolderError,
            ManifestWish,
            complete_manifest,
            keep_golden,
        )
        from cloud.infrastructure.system_time import SystemClock
        from cloud.infrastructure.training.golden_pictures import golden_tiles
        from edge.infrastructure.bundle_golden import GoldenPicturesError, golden_file

        name, _, version = words.label.partition("@")
        wish = ManifestWish(
            release_counter=words.counter,
            expires_at=SystemClock().now() + timedelta(days=words.expires_days),
            latency_ms=words.latency_ms,
            memory_mb=words.memory_mb,
            name=name,
            version=version,
        )

        def written() -> None:
            try:
                golden = golden_file(folder, golden_tiles())
            except GoldenPicturesError as error:
                raise BundleFolderError(
                    f"the networks in {folder} answer nothing: {error}"
                ) from error
            keep_golden(folder, golden)
            complete_manifest(folder, wish)

        await asyncio.to_thread(written)

    async def sign(self, folder: Path, name: str, beside: bool) -> Signed:
        from cloud.infrastructure.signing.bundle_signing import sign_folder

        keys = open_keys(self.settings)
        keys.make()
        key_id, key = keys.signing_key(name)
        digest = await asyncio.to_thread(sign_folder, folder, key, key_id, beside=beside)
        return Signed(model_digest=digest, key_id=key_id)

    async def release(
        self, folder: Path, signers: tuple[str, ...], organization: str
    ) -> ModelBundleView:
        from cloud.infrastructure.object_storage.bundle_vault import ObjectBundleVault
        from cloud.infrastructure.object_storage.picture_vault import open_store
        from cloud.infrastructure.signing.bundle_signing import pack_folder
        from cloud.infrastructure.system_time import SystemClock

        keys = open_keys(self.settings)
        packed = await asyncio.to_thread(pack_folder, folder, keys.trust(), SystemClock().now())
        vault = ObjectBundleVault(open_store(self.settings.object_store_location))
        async with open_bus(self.settings) as opened:
            context = _context(opened, organization)
            await opened.bus.send(PublishTrust(versions=keys.versions()), context)
            # Files before the row: what has no row is seen by nobody.
            for content in packed.contents.values():
                await vault.keep(context.organization_id, content)
            command = ReleaseBundle(
                manifest=packed.manifest,
                files=packed.files,
                chunk_sha256=packed.chunk_sha256,
                signed_by=signers[0],
                key_id=packed.key_id,
                co_signers=signers[1:],
                co_key_ids=packed.co_key_ids,
            )
            view: ModelBundleView = await opened.bus.send(command, context)
            return view


def _context(opened: "OpenedBus", organization: str) -> CommandContext:
    if organization not in opened.organizations:
        known = ", ".join(sorted(opened.organizations)) or "none"
        raise SettingMissingError(f"no organization {organization!r}; known: {known}")
    return CommandContext(
        organization_id=opened.organizations[organization], user=SYSTEM, source=Source.TERMINAL
    )
