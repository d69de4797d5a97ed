"""Pictures: learned from stored events, uploaded whole, kept within bounds."""

import asyncio
import hashlib
import io
import os

import pytest

from edge.infrastructure.grpc_channel import Credentials, open_channel
from edge.infrastructure.media_index import SqliteMediaIndex
from edge.infrastructure.media_uploader import MediaUploader, content_type, media_path
from edge.infrastructure.sqlite_outbox_schema import migrate_media
from edge.infrastructure.sqlite_spool import NewEvent, SqliteSpool
from edge.infrastructure.system_time import SystemClock
from edge.outbox.record import MediaDue
from edge.outbox.spooling import SpoolPolicy
from tests.fakes.cloud_server import ORGANIZATION, STATION, CloudServer
from tests.fakes.floor import until

pytestmark = pytest.mark.requirement("SYN", "BUF")
MEBIBYTE = 1 << 20


class DueList:
    """The one thing that the uploader asks of an outbox."""

    def __init__(self):
        self.due = []

    async def media_due(self, limit):
        return self.due[:limit]

    async def media_named(self):
        return {d.sha256 for d in self.due}

    async def media_taken(self, taken):
        self.due = [d for d in self.due if d.sha256 not in taken]


class Gallery:
    def __init__(self, folder):
        self.folder = folder
        self.outbox = DueList()

    def add(self, content, verdict="FAIL", write=True):
        sha256 = hashlib.sha256(content).digest()
        path = media_path(self.folder, sha256)
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self.outbox.due.append(MediaDue(sha256=sha256, event_id=b"e" * 16, verdict=verdict))
        return sha256


@pytest.fixture
def gallery(tmp_path):
    return Gallery(tmp_path / "media")


@pytest.fixture
async def cloud():
    async with CloudServer() as server:
        yield server


def uploader(gallery, limit_bytes=1 << 30):
    database = gallery.folder.parent / "media.db"
    return MediaUploader(
        gallery.folder,
        lambda: SqliteMediaIndex(database, SystemClock(), migrate_media),
        gallery.outbox,
        limit_bytes,
        gallery.folder.parent / "spool.db",
    )


@pytest.fixture
async def running(gallery, cloud):
    issued = cloud.authority.station(ORGANIZATION, STATION)
    credentials = Credentials(
        key_pem=issued.key_pem,
        certificate_pem=issued.certificate_pem,
        ca_pem=cloud.authority.pem,
    )
    media = uploader(gallery)
    async with open_channel(cloud.address, credentials) as channel:
        tasks = [asyncio.create_task(media.run(channel)), asyncio.create_task(media.keep_house())]
        yield media
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await media.close()


async def states(media):
    def read(index):
        return dict(index._db.execute("SELECT sha256, state FROM media").fetchall())

    return await media._run(read)


async def reaches(media, sha256, state):
    for _ in range(200):
        if (await states(media)).get(sha256) == state:
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"not {state}: {await states(media)}")


async def test_a_picture_arrives_whole(gallery, cloud, running) -> None:
    content = b"\xff\xd8\xff" + os.urandom(2 * MEBIBYTE + 17)
    sha256 = gallery.add(content)
    await reaches(running, sha256, "STORED")
    assert cloud.ledger.media[sha256] == content
    assert gallery.outbox.due == []


async def test_a_picture_that_the_cloud_has_is_not_sent(gallery, cloud, running) -> None:
    content = b"known already"
    cloud.ledger.media[hashlib.sha256(content).digest()] = content
    await reaches(running, gallery.add(content), "STORED")


async def test_a_picture_that_nobody_wants_is_declined(gallery, cloud, running) -> None:
    cloud.mischief.media_declined = True
    await reaches(running, gallery.add(b"unwanted", "PASS"), "DECLINED")


async def test_a_missing_file_is_given_up_and_the_others_go_on(gallery, cloud, running) -> None:
    gone = gallery.add(b"gone", write=False)
    there = gallery.add(b"there")
    await reaches(running, gone, "SHED")
    await reaches(running, there, "STORED")


async def test_a_damaged_file_is_never_sent(gallery, cloud, running) -> None:
    sha256 = hashlib.sha256(b"original").digest()
    path = media_path(gallery.folder, sha256)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"damaged!")
    gallery.outbox.due.append(MediaDue(sha256=sha256, event_id=b"", verdict="FAIL"))
    await reaches(running, sha256, "SHED")
    assert cloud.ledger.media == {}


async def test_what_the_cloud_could_not_verify_is_sent_again(gallery, cloud, running) -> None:
    cloud.mischief.media_mismatches = 1
    sha256 = gallery.add(b"twice")
    await reaches(running, sha256, "STORED")
    assert cloud.mischief.media_mismatches == 0


async def test_stored_pictures_make_room_first(gallery) -> None:
    media = uploader(gallery, limit_bytes=25)
    stored, waiting = gallery.add(b"a" * 10), gallery.add(b"b" * 10)
    await media._learn()
    index = media._index
    index.mark(stored, type(index.present()[0].state)("STORED"))
    newest = gallery.add(b"c" * 10)
    house = asyncio.create_task(media.keep_house())
    await until(lambda: not media_path(gallery.folder, stored).exists())
    house.cancel()
    await asyncio.gather(house, return_exceptions=True)
    assert media_path(gallery.folder, waiting).exists()
    assert media_path(gallery.folder, newest).exists()
    await media.close()


def test_the_type_of_a_picture_is_read_from_its_bytes() -> None:
    assert content_type(b"\xff\xd8\xff\xe0") == "image/jpeg"
    assert content_type(io.BytesIO(b"\x89PNG\r\n").read()) == "image/png"


def age(gallery, sha256, days):
    path = media_path(gallery.folder, sha256)
    then_s = path.stat().st_mtime - days * 86_400
    os.utime(path, (then_s, then_s))
    return path


async def test_old_pictures_whose_inspection_never_happened_are_swept(gallery, caplog) -> None:
    named, taken = gallery.add(b"named by an event"), gallery.add(b"taken over")
    orphan, fresh = gallery.add(b"orphan"), gallery.add(b"written a moment ago")
    due = gallery.outbox.due
    gallery.outbox.due = [d for d in due if d.sha256 == taken]
    house = uploader(gallery)
    await house._learn()
    gallery.outbox.due = [d for d in due if d.sha256 == named]
    kept = [age(gallery, named, 8), age(gallery, taken, 8), age(gallery, fresh, 6)]
    stray = gallery.folder / "ab" / "notes.txt"
    stray.parent.mkdir(exist_ok=True)
    stray.write_text("not ours")
    gone = age(gallery, orphan, 8)
    await house.sweep()
    await house.close()
    assert not gone.exists()
    assert all(path.exists() for path in [*kept, stray])
    told = [r.sha256 for r in caplog.records if "without inspection" in r.message]
    assert told == [orphan.hex()]


async def test_nothing_is_swept_while_the_spool_still_holds_facts(gallery, tmp_path) -> None:
    policy = SpoolPolicy(max_bytes=16 << 20, ballast_bytes=0)
    spool = SqliteSpool(tmp_path / "spool.db", policy, "run_1")
    spool.append([NewEvent(event_id=b"e" * 16, stream="events", body=b"names the picture")])
    orphan = gallery.add(b"named in the spool only")
    gallery.outbox.due = []
    path = age(gallery, orphan, 30)
    house = uploader(gallery)
    await house.sweep()
    assert path.exists()
    spool.trim(1)
    await house.sweep()
    assert not path.exists()
    await house.close()
    spool.close()


async def test_a_spool_that_cannot_be_read_keeps_every_picture(gallery, tmp_path) -> None:
    (tmp_path / "spool.db").write_bytes(b"no database")
    path = age(gallery, gallery.add(b"who knows"), 30)
    gallery.outbox.due = []
    house = uploader(gallery)
    await house.sweep()
    await house.close()
    assert path.exists()
