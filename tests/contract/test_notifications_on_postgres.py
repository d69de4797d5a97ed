"""Notifications on a real PostgreSQL: once each, as wished, the person's own."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from cloud.commands.errors import PayloadInvalidError
from cloud.composition.notifications import notification_stores
from cloud.events.event import RecordedEvent
from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.postgres.outbox_relay import OutboxReader, OutboxRelay, Place, RelayPace
from cloud.interfaces.rest_api.notices import digest_message, notices
from cloud.notifications import handlers
from cloud.notifications.commands import (
    ChangeNotificationWishes,
    MarkNotificationsRead,
    RaiseNotifications,
)
from cloud.notifications.errors import ChannelNotConfiguredError, NotificationWishesInvalidError
from cloud.notifications.feed import ROUTES, NotificationFeed
from cloud.notifications.notification import Channel
from cloud.notifications.queries import (
    FindNotificationWishes,
    ListDigests,
    ListNotifications,
    NotificationPage,
    Raised,
)
from cloud.stations.events import StationEventDisputed
from tests.fakes.core import DEMO, OTHER, Core, add_organization, context_of, core_over

WORKER, LEAD = "worker@demo.example", "lead@demo.example"
BOUND_S = 30


@pytest.fixture
async def core(database: DatabaseUrls) -> AsyncIterator[Core]:
    await add_organization(database.owner, DEMO, "demo", WORKER, LEAD)
    await add_organization(database.owner, OTHER, "other", WORKER)
    async with core_over(database.app, notification_stores()) as core:
        for kind, handler in handlers.COMMANDS.items():
            core.bus.register(kind, handler)
        for question, answer in handlers.QUERIES.items():
            core.bus.register_query(question, answer)
        yield core


async def told(core: Core, user: str = WORKER, **more: object) -> NotificationPage:
    page: NotificationPage = await core.bus.ask(ListNotifications(), context_of(user, **more))
    return page


def about(subject: str, event: str, *logins: str, letter: str = "A") -> RaiseNotifications:
    return RaiseNotifications(
        event_id=event, kind="approval_requested", letter=letter, subject=subject,
        logins=logins or (WORKER,), details={"action": "approve_budget"},
    )  # fmt: skip


async def tell(core: Core, command: RaiseNotifications, **more: object) -> Raised:
    raised: Raised = await core.bus.send(command, context_of("system", **more))
    return raised


@pytest.mark.requirement("NOT")
async def test_the_same_thing_within_ten_minutes_is_told_once(core: Core) -> None:
    raised = await asyncio.gather(
        *(tell(core, about("apr_1", f"evt_{number}")) for number in range(8))
    )
    assert sum(one.told for one in raised) == 1
    assert sum(one.repeated for one in raised) == 7
    assert (await tell(core, about("apr_2", "evt_20"))).told == 1
    page = await told(core)
    assert page.unread == 2
    assert {view.subject: view.repeats for view in page.notifications} == {"apr_1": 7, "apr_2": 0}
    core.clock.advance(minutes=11)
    assert (await tell(core, about("apr_1", "evt_21"))).told == 1
    assert (await told(core)).unread == 3


@pytest.mark.requirement("NOT", "EVT")
async def test_an_event_that_is_heard_twice_is_told_once(core: Core) -> None:
    class Lead:
        def holders(self, organization_id, domain, action, letter):
            return (LEAD,) if action == "resolve_dispute" else ()

    feed = NotificationFeed(core.bus, Lead())
    async with core.transactions.begin(context_of()) as unit:
        unit.record(
            StationEventDisputed(
                station_id="sta_1", station_name="CUT-01", event_id="evt_9",
                code="STEP_OUT_OF_ORDER", detail="",
            )
        )  # fmt: skip
    url = str(core.pool._connect_args[0])
    async with OutboxRelay(core.pool, url, [feed], RelayPace(sweep_s=0.2)):
        async with asyncio.timeout(BOUND_S):
            while not (await told(core, LEAD)).notifications:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    core.clock.advance(hours=2)
    for event in (await OutboxReader(core.pool).after(DEMO, Place(), 100)).events:
        await feed.hear(event)
    [view] = (await told(core, LEAD)).notifications
    assert (view.kind, view.letter, view.subject) == ("station_event_disputed", "A", "evt_9")
    assert view.details == {"station_name": "CUT-01", "code": "STEP_OUT_OF_ORDER"}
    assert (await told(core)).notifications == ()


@pytest.mark.requirement("NOT")
async def test_a_muted_letter_says_nothing_and_strangers_are_passed_over(core: Core) -> None:
    await core.bus.send(ChangeNotificationWishes(muted_letters=("I",)), context_of())
    quiet = await tell(core, about("pc_1", "evt_1", WORKER, LEAD, "gone@demo.example", letter="I"))
    assert (quiet.told, quiet.muted) == (1, 1)
    assert (await tell(core, about("pc_1", "evt_2", letter="A"))).told == 1
    assert [view.letter for view in (await told(core)).notifications] == ["A"]
    assert [view.letter for view in (await told(core, LEAD)).notifications] == ["I"]


@pytest.mark.requirement("NOT")
async def test_quiet_hours_and_digests_put_off_what_is_told(core: Core) -> None:
    # The clock of the test stands at 18:00 in Seoul.
    await core.bus.send(
        ChangeNotificationWishes(quiet_from="17:00", quiet_until="07:00"), context_of()
    )
    await core.bus.send(ChangeNotificationWishes(digest_min=60), context_of(LEAD))
    core.clock.advance(minutes=10)
    for number in range(3):
        await tell(core, about(f"apr_{number}", f"evt_{number}", WORKER, LEAD))
    assert (await told(core)).unread == (await told(core, LEAD)).unread == 0
    assert (await core.bus.send(MarkNotificationsRead(), context_of())).count == 0
    core.clock.advance(minutes=50)
    page = await told(core, LEAD)
    assert page.unread == 3
    assert len({view.digest for view in page.notifications}) == 1
    assert page.notifications[0].digest
    assert (await told(core)).unread == 0
    core.clock.advance(hours=12)
    night = await told(core)
    assert night.unread == 3
    assert {view.told_at - view.occurred_at for view in night.notifications} == {
        timedelta(hours=12, minutes=50)
    }


@pytest.mark.requirement("NOT")
async def test_a_digest_lists_what_it_gathered_in_both_languages(core: Core) -> None:
    await core.bus.send(ChangeNotificationWishes(digest_min=60), context_of())
    for number in range(4):
        core.clock.advance(minutes=1)
        await tell(core, about(f"apr_{number}", f"evt_{number}"))
    await tell(core, about("apr_3", "evt_again"))
    work = RaiseNotifications(
        event_id="evt_work", kind="work_assigned", letter="R", subject="wo_1", logins=(WORKER,),
        details={"action": "cut", "assigned_by": LEAD},
    )  # fmt: skip
    await tell(core, work)
    ask = ListDigests()
    assert await core.bus.ask(ask, context_of()) == ()
    core.clock.advance(hours=1)
    (digest,) = await core.bus.ask(ask, context_of())
    assert (digest.count, digest.unread) == (6, 5)
    assert [(one.kind, one.count) for one in digest.kinds] == [
        ("approval_requested", 5), ("work_assigned", 1),
    ]  # fmt: skip
    assert {one.subject for one in digest.newest} == {"wo_1", "apr_3", "apr_2"}
    korean, english = digest_message(digest, "ko"), digest_message(digest, "en")
    assert korean.splitlines()[:2] == [
        "알림 6건을 모았습니다", "승인이 필요합니다 5건, 할 일이 배정되었습니다 1건",
    ]  # fmt: skip
    assert "할 일이 배정되었습니다: cut · lead@demo.example" in korean
    assert korean.splitlines()[-1] == "외 2건"
    assert "6 notifications, gathered" in english
    assert english.splitlines()[-1] == "and 2 more"
    assert (await told(core)).digests == (digest,)
    await core.bus.send(MarkNotificationsRead(), context_of())
    (read,) = await core.bus.ask(ask, context_of())
    assert (read.count, read.unread) == (6, 0)
    assert await core.bus.ask(ask, context_of(LEAD)) == ()
    for limit in (0, -1, 502):
        with pytest.raises(PayloadInvalidError):
            await core.bus.ask(ListDigests(limit=limit), context_of())


def test_everything_that_is_told_has_a_title_in_both_languages() -> None:
    for language in ("ko", "en"):
        assert not ROUTES.keys() - notices(language).keys()


@pytest.mark.requirement("NOT")
async def test_reading_is_ones_own(core: Core) -> None:
    await tell(core, about("apr_1", "evt_1", WORKER, LEAD))
    await tell(core, about("apr_2", "evt_2"))
    mine = [view.notification_id for view in (await told(core)).notifications]
    theirs = [view.notification_id for view in (await told(core, LEAD)).notifications]
    marked = await core.bus.send(
        MarkNotificationsRead(notification_ids=(mine[0], theirs[0], "재단")), context_of()
    )
    assert marked.count == 1
    assert (await told(core)).unread == (await told(core, LEAD)).unread == 1
    unread = await core.bus.ask(ListNotifications(unread_only=True), context_of())
    assert [view.notification_id for view in unread.notifications] == [mine[1]]
    assert (await core.bus.send(MarkNotificationsRead(), context_of())).count == 1
    assert (await told(core)).unread == 0
    assert (await told(core, organization_id=OTHER)).notifications == ()


@pytest.mark.requirement("NOT")
async def test_wishes_are_kept_and_impossible_ones_refused(core: Core) -> None:
    usual = await core.bus.ask(FindNotificationWishes(), context_of())
    assert (usual.channels, usual.time_zone) == (("in_app",), "Asia/Seoul")
    for channel, setting in ((Channel.SLACK, "SLACK_BOT_TOKEN"),
                             (Channel.EMAIL, "KYNDOF_NOTIFICATIONS__SMTP_URL")):  # fmt: skip
        with pytest.raises(ChannelNotConfiguredError) as refused:
            await core.bus.send(
                ChangeNotificationWishes(channels=(Channel.IN_APP, channel)), context_of()
            )
        assert refused.value.details["setting"] == setting
    for wrong in (
        ChangeNotificationWishes(time_zone="서울"),
        ChangeNotificationWishes(quiet_from="25:00", quiet_until="07:00"),
        ChangeNotificationWishes(muted_letters=("Z",)),
        ChangeNotificationWishes(digest_min=99999),
    ):
        with pytest.raises(NotificationWishesInvalidError):
            await core.bus.send(wrong, context_of())
    with pytest.raises(PayloadInvalidError):
        await core.bus.ask(ListNotifications(limit=0), context_of())
    with pytest.raises(PayloadInvalidError):
        await core.bus.send(MarkNotificationsRead(notification_ids=("ntf",) * 501), context_of())
    assert await core.bus.ask(FindNotificationWishes(), context_of()) == usual


@pytest.mark.requirement("NOT", "DBS")
async def test_no_row_is_seen_without_its_organization(core: Core, database: DatabaseUrls) -> None:
    await tell(core, about("apr_1", "evt_1"))
    await core.bus.send(ChangeNotificationWishes(digest_min=30), context_of())
    connection = await asyncpg.connect(database.app)
    try:
        assert await connection.fetchval("SELECT count(*) FROM notifications") == 0
        assert await connection.fetchval("SELECT count(*) FROM notification_wishes") == 0
    finally:
        await connection.close()


async def test_an_event_that_cannot_be_told_does_not_stand_in_the_way(core: Core) -> None:
    class Nobody:
        def holders(self, organization_id, domain, action, letter):
            return ()

    bad = RecordedEvent(
        organization_id=DEMO, sequence=1, event_id="evt_1", type="approval_requested",
        occurred_at=core.clock.now(), payload={"approval_id": "a\x00b", "approvers": [WORKER]},
    )  # fmt: skip
    await NotificationFeed(core.bus, Nobody()).hear(bad)
    assert (await told(core)).notifications == ()
