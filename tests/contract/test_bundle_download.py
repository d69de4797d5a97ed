"""A bundle comes whole, by the right hands, or not at all; the fault matrix's rows 32 to 34."""

import asyncio
import hashlib
import os
import shutil
from dataclasses import dataclass

import grpc
import pytest
from kyndof_wire.artifacts.v1.artifacts_pb2_grpc import ArtifactServiceStub

from edge.infrastructure.bundle_check import InstallCheck
from edge.infrastructure.bundle_signatures import holds, signers_of
from edge.infrastructure.grpc_artifacts import ArtifactFetcher, FetchTiming
from edge.infrastructure.grpc_channel import Credentials, open_channel
from edge.infrastructure.system_time import SystemClock
from edge.infrastructure.trust_files import TrustFiles
from edge.model_bundles.errors import BundleError
from tests.fakes.cloud_server import ORGANIZATION, STATION, CloudServer
from tests.fakes.releases import (
    BASE,
    Key,
    Shelf,
    digest_of,
    make_bundle,
    moment,
    sign,
    timestamp,
    trust,
)

pytestmark = pytest.mark.requirement("ROL")
ROOT, RELEASE, OTHER, STAMP = Key(), Key(), Key(), Key()
LARGE = {"card.md": os.urandom(9 << 20)}


@dataclass
class Station:
    """The agent's part of a station: its folder, its trust, its way to the cloud."""

    home: object
    shelf: Shelf
    stub: ArtifactServiceStub
    timing: FetchTiming

    @property
    def models(self):
        return self.home / "models"

    def fetcher(self):
        keys = TrustFiles(self.home, holds)
        check = InstallCheck(keys, signers_of, SystemClock())
        return ArtifactFetcher(self.models, keys, lambda: check, self.timing)

    async def fetch(self, digest):
        await self.fetcher().fetch(self.stub, digest)

    async def refused(self, digest) -> str:
        """Fetch what has to be refused; nothing of it may stay. Returns the reason."""
        with pytest.raises(BundleError) as caught:
            await self.fetch(digest)
        left = [path.name for path in self.models.iterdir()] if self.models.exists() else []
        assert left == [], left
        return caught.value.code


@pytest.fixture
async def station(tmp_path):
    async with CloudServer() as cloud:
        cloud.shelf.trust = [trust(1, [ROOT], [RELEASE])]
        issued = cloud.authority.station(ORGANIZATION, STATION)
        credentials = Credentials(
            key_pem=issued.key_pem,
            certificate_pem=issued.certificate_pem,
            ca_pem=cloud.authority.pem,
        )
        async with open_channel(cloud.address, credentials) as channel:
            home = tmp_path / "home"
            home.mkdir()
            yield Station(home, cloud.shelf, ArtifactServiceStub(channel), FetchTiming())


@pytest.fixture(scope="session")
def large(tmp_path_factory):
    """A signed bundle of three chunks, made once."""
    return sign(make_bundle(tmp_path_factory.mktemp("large") / "b", files=LARGE), RELEASE)


@pytest.fixture
def small(tmp_path):
    return make_bundle(tmp_path / "small")


async def test_a_signed_bundle_lands_whole_with_the_bytes_it_was_signed_with(
    station, large
) -> None:
    digest = station.shelf.put(large)
    await station.fetch(digest)
    landed = {path.name: path.read_bytes() for path in (station.models / digest).iterdir()}
    assert landed == {path.name: path.read_bytes() for path in large.iterdir()}
    assert [path.name for path in station.models.iterdir()] == [digest]
    await station.fetch(digest)
    assert station.shelf.read == [0, 1, 2]


@pytest.mark.faults
@pytest.mark.parametrize("part", range(10))
async def test_a_download_cut_anywhere_goes_on_with_at_most_one_chunk_again(
    station, large, part
) -> None:
    digest = station.shelf.put(large)
    station.shelf.cut_after_parts = part
    with pytest.raises(grpc.aio.AioRpcError):
        await station.fetch(digest)
    assert not (station.models / digest).exists()
    await station.fetch(digest)
    assert (station.models / digest).is_dir()
    assert len(station.shelf.read) <= 4


@pytest.mark.faults
async def test_what_an_installed_bundle_has_already_is_not_fetched_again(
    station, tmp_path, large
) -> None:
    await station.fetch(station.shelf.put(large))
    station.shelf.read.clear()
    next_one = make_bundle(tmp_path / "next", files=LARGE, version="3.0.1", release_counter=2)
    digest = station.shelf.put(sign(next_one, RELEASE))
    await station.fetch(digest)
    # The large file goes first: its first two chunks lie here, only the last one is new.
    assert station.shelf.read == [2]


async def test_a_chunk_that_is_wrong_once_is_fetched_again(station, large) -> None:
    digest = station.shelf.put(large)
    station.shelf.wrong_chunks = {1: 1}
    await station.fetch(digest)
    assert station.shelf.read == [0, 1, 2, 1]


@pytest.mark.faults
async def test_a_chunk_that_is_always_wrong_is_refused(station, large) -> None:
    digest = station.shelf.put(large)
    station.shelf.wrong_chunks = {1: 99}
    assert await station.refused(digest) == "DOWNLOAD_DAMAGED"


async def test_a_bundle_that_ends_too_early_is_refused(station, large) -> None:
    digest = station.shelf.put(large)
    station.shelf.short = True
    assert await station.refused(digest) == "DOWNLOAD_DAMAGED"


@pytest.mark.faults
async def test_silence_and_a_byte_now_and_then_end_an_attempt(station, large) -> None:
    digest = station.shelf.put(large)
    station.timing = FetchTiming(read_s=0.3)
    station.shelf.silent = True
    with pytest.raises(TimeoutError):
        await station.fetch(digest)
    station.shelf.silent, station.shelf.part_delay_s = False, 0.2
    station.timing = FetchTiming(read_s=5, chunk_s=0.3)
    with pytest.raises(TimeoutError):
        await station.fetch(digest)
    assert not (station.models / digest).exists()
    station.shelf.part_delay_s, station.timing = 0.0, FetchTiming()
    await station.fetch(digest)


async def test_too_little_room_is_said_before_anything_is_fetched(
    station, large, monkeypatch
) -> None:
    digest = station.shelf.put(large)
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10 << 20))
    assert await station.refused(digest) == "DOWNLOAD_NO_ROOM"
    assert station.shelf.read == []


def listed(folder):
    return [
        (path.name, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.iterdir())
    ]


@pytest.mark.parametrize(
    "name",
    ["../card.md", "/etc/card.md", "golden/card.md", "..", "", "card.md\0", "CARD.MD", "c\\a"],
)
async def test_a_name_that_leads_elsewhere_is_refused(station, small, name) -> None:
    digest = station.shelf.put(sign(small, RELEASE))
    station.shelf.lists[digest] = [*listed(small), (name, 5, "0" * 64)]
    assert await station.refused(digest) == "DOWNLOAD_NAME_REFUSED"
    assert not (station.home / "card.md").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda files: [(n, s + 1, d) for n, s, d in files],
        lambda files: [(n, 1 << 40, d) for n, s, d in files],
        lambda files: files[:-1],
        lambda files: [],
        lambda files: [(n, s, "0" * 64 if n == "manifest.json" else d) for n, s, d in files],
        lambda files: [(n, s, "0" * 64 if n == "card.md" else d) for n, s, d in files],
        lambda files: [(n, s, "no digest") for n, s, _ in files],
    ],
)
async def test_a_list_of_files_that_cannot_be_is_refused(station, small, change) -> None:
    digest = station.shelf.put(sign(small, RELEASE))
    station.shelf.lists[digest] = change(listed(small))
    assert await station.refused(digest) == "DOWNLOAD_DAMAGED"


async def test_files_of_two_bundles_are_no_bundle(station, tmp_path, small) -> None:
    other = sign(make_bundle(tmp_path / "other", release_counter=9), RELEASE)
    sign(small, RELEASE)
    shutil.copy(other / "model.sig", small / "model.sig")
    assert await station.refused(station.shelf.put(small)) == "BUNDLE_SIGNATURE_WRONG"


async def test_no_signature_or_one_by_a_stranger_is_refused(station, small) -> None:
    assert await station.refused(station.shelf.put(small)) == "BUNDLE_UNSIGNED"
    sign(small, OTHER)
    assert await station.refused(station.shelf.put(small)) == "BUNDLE_SIGNATURE_WRONG"


async def test_a_stripped_or_an_added_file_is_refused(station, small) -> None:
    sign(small, RELEASE)
    (small / "extra.onnx").write_bytes(b"more")
    assert await station.refused(station.shelf.put(small)) == "BUNDLE_CORRUPT"
    (small / "extra.onnx").unlink()
    (small / "thresholds.json").unlink()
    assert await station.refused(station.shelf.put(small)) == "BUNDLE_CORRUPT"


async def test_a_file_changed_together_with_its_manifest_is_refused(station, small) -> None:
    """The list and the manifest agree; only the signature does not."""
    sign(small, RELEASE)
    signature = (small / "model.sig").read_bytes()
    shutil.rmtree(small)
    make_bundle(small, files={"card.md": b"another card"})
    (small / "model.sig").write_bytes(signature)
    assert await station.refused(station.shelf.put(small)) == "BUNDLE_SIGNATURE_WRONG"


async def test_a_retired_key_signs_no_more(station, small) -> None:
    station.shelf.trust = [trust(1, [ROOT], [RELEASE, OTHER], retired=[RELEASE])]
    sign(small, RELEASE)
    assert await station.refused(station.shelf.put(small)) == "BUNDLE_SIGNER_RETIRED"
    (small / "model.sig").unlink()
    sign(small, OTHER)
    await station.fetch(station.shelf.put(small))


async def test_two_signatures_are_needed_where_two_are_asked_for(station, small) -> None:
    station.shelf.trust = [trust(1, [ROOT], [RELEASE, OTHER], threshold=2)]
    sign(small, RELEASE)
    shutil.copy(small / "model.sig", small / "model.again.sig")
    assert await station.refused(station.shelf.put(small)) == "BUNDLE_SIGNERS_TOO_FEW"
    (small / "model.again.sig").unlink()
    sign(small, OTHER, f"model.{OTHER.key_id}.sig")
    await station.fetch(station.shelf.put(small))


async def test_what_has_expired_is_not_installed(station, tmp_path) -> None:
    old = sign(make_bundle(tmp_path / "old", expires_at=moment(-1)), RELEASE)
    assert await station.refused(station.shelf.put(old)) == "BUNDLE_EXPIRED"
    station.shelf.trust = [*station.shelf.trust, trust(2, [ROOT], [RELEASE], days=-1)]
    fresh = sign(make_bundle(tmp_path / "fresh"), RELEASE)
    assert await station.refused(station.shelf.put(fresh)) == "TRUST_EXPIRED"


async def test_trusted_keys_change_hands_only_by_those_trusted_before(station, small) -> None:
    sign(small, OTHER)
    digest = station.shelf.put(small)
    first = station.shelf.trust[0]
    assert await station.refused(digest) == "BUNDLE_SIGNATURE_WRONG"
    for forged in (
        trust(2, [OTHER], [OTHER]),
        trust(2, [ROOT, OTHER], [OTHER], signed_by=[OTHER]),
        trust(9, [ROOT], [OTHER]),
        (trust(2, [ROOT], [OTHER])[0], b"{}"),
        (b"no json", b"{}"),
    ):
        station.shelf.trust = [first, forged]
        assert await station.refused(digest) == "TRUST_INVALID"
    station.shelf.trust = [first, trust(2, [ROOT], [RELEASE, OTHER])]
    await station.fetch(digest)


async def test_keys_that_may_be_outdated_install_nothing(station, small) -> None:
    digest = station.shelf.put(sign(small, RELEASE))
    station.shelf.trust = [trust(1, [ROOT], [RELEASE], stamps=[STAMP])]
    assert await station.refused(digest) == "TRUST_FROZEN"
    station.shelf.timestamp = timestamp(1, STAMP, issued=-8, expires=-1)
    assert await station.refused(digest) == "TRUST_FROZEN"
    # The key that signed it was retired in a version that somebody keeps from the station.
    station.shelf.timestamp = timestamp(2, STAMP)
    assert await station.refused(digest) == "TRUST_FROZEN"
    retired = trust(2, [ROOT], [RELEASE, OTHER], retired=[RELEASE], stamps=[STAMP])
    station.shelf.trust = [*station.shelf.trust, retired]
    assert await station.refused(digest) == "BUNDLE_SIGNER_RETIRED"


async def test_an_older_word_on_the_newest_keys_and_a_forged_one_are_refused(
    station, small
) -> None:
    digest = station.shelf.put(sign(small, RELEASE))
    station.shelf.trust = [trust(1, [ROOT], [RELEASE], stamps=[STAMP])]
    replayed = timestamp(1, STAMP, issued=-1, expires=6)
    changed = timestamp(1, STAMP)[0], timestamp(1, STAMP, issued=1)[1]
    station.shelf.timestamp = replayed
    await station.fetch(digest)
    station.shelf.timestamp = timestamp(1, STAMP)
    other = make_bundle(small.with_name("other"), version="4.0.0")
    second = station.shelf.put(sign(other, RELEASE))
    for bad in (timestamp(1, OTHER), changed, (b"no json", b"{}"), (changed[0], b"{}")):
        station.shelf.timestamp = bad
        with pytest.raises(BundleError) as caught:
            await station.fetch(second)
        assert caught.value.code == "TRUST_INVALID"
    station.shelf.timestamp = timestamp(1, STAMP)
    await station.fetch(second)
    station.shelf.timestamp = replayed
    third = station.shelf.put(sign(make_bundle(small.with_name("third"), version="5"), RELEASE))
    with pytest.raises(BundleError) as caught:
        await station.fetch(third)
    assert caught.value.code == "TRUST_INVALID"


async def test_a_damaged_word_on_the_newest_keys_is_replaced_by_the_next(station, small) -> None:
    digest = station.shelf.put(sign(small, RELEASE))
    station.shelf.trust = [trust(1, [ROOT], [RELEASE], stamps=[STAMP])]
    (station.home / "timestamp.json").write_bytes(b"half")
    assert await station.refused(digest) == "TRUST_INVALID"
    station.shelf.timestamp = timestamp(1, STAMP)
    await station.fetch(digest)


async def test_a_first_trust_that_its_own_roots_did_not_sign_pins_nothing(station, small) -> None:
    station.shelf.trust = [trust(1, [ROOT], [OTHER], signed_by=[OTHER])]
    assert await station.refused(station.shelf.put(sign(small, OTHER))) == "TRUST_INVALID"
    assert not (station.home / "trust.json").exists()


async def test_a_link_planted_in_an_installed_bundle_is_found(station, small, tmp_path) -> None:
    digest = station.shelf.put(sign(small, RELEASE))
    await station.fetch(digest)
    card = station.models / digest / "card.md"
    shutil.copy(card, tmp_path / "card.md")
    card.unlink()
    card.symlink_to(tmp_path / "card.md")
    with pytest.raises(BundleError) as caught:
        await station.fetch(digest)
    assert caught.value.code == "BUNDLE_CORRUPT"


@pytest.mark.faults
async def test_two_at_once_do_not_mix(station, large, small) -> None:
    first, second = station.shelf.put(large), station.shelf.put(sign(small, RELEASE))
    fetcher = station.fetcher()
    await asyncio.gather(*(fetcher.fetch(station.stub, digest) for digest in (first, second)))
    assert digest_of(station.models / first) == first
    assert digest_of(station.models / second) == second
    assert (BASE / "manifest.json").is_file()
