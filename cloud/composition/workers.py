"""The broker, the worker and migrations."""

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from cloud.composition.core import Core, SettingMissingError, compose_core, month_keeper
from cloud.composition.jobs import queue_place
from cloud.composition.timers import firing_timers
from cloud.composition.webhooks import webhook_courier
from cloud.settings import CloudSettings

if TYPE_CHECKING:
    from cloud.infrastructure.jobs.housekeeping import HousekeepingWorker
    from cloud.infrastructure.jobs.job_worker import JobWorker
    from cloud.infrastructure.jobs.queues import QueuePlace


async def run_embedded_broker(settings: CloudSettings) -> None:
    """Run the floor's broker until told to stop.

    Raises:
        MqttPortTakenError: the port is taken.
    """
    from cloud.infrastructure.embedded.mqtt_broker import run_broker
    from cloud.infrastructure.embedded.parent_pipe import stop_requested
    from cloud.infrastructure.telemetry.json_log import log_to_stderr

    log_to_stderr(settings.log_level)
    users = {name: secret.get_secret_value() for name, secret in settings.mqtt.users.items()}
    broker = asyncio.create_task(run_broker(settings.mqtt.host, settings.mqtt.port, users))
    stopping = asyncio.create_task(stop_requested(settings.parent_pipe))
    await asyncio.wait({broker, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if broker.done():
        broker.result()
    broker.cancel()
    await asyncio.gather(broker, return_exceptions=True)


async def work(settings: CloudSettings, names: tuple[str, ...], concurrency: int) -> None:
    """Work on background jobs of the queues with these names, of all without one, until told.

    Raises:
        SettingMissingError: no database for jobs is configured, or there is no such queue.
        JobWorkerEndedError: a worker takes no more jobs.
    """
    from cloud.infrastructure.embedded.parent_pipe import stop_requested
    from cloud.infrastructure.jobs.queues import QUEUES
    from cloud.infrastructure.telemetry.json_log import log_to_stderr
    from cloud.jobs.job import HOUSEKEEPING

    log_to_stderr(settings.log_level)
    place = queue_place(settings)
    if place is None:
        raise SettingMissingError(
            "no database for jobs: set KYNDOF_DATABASE_JOBS_URL, or REDIS_URL for Redis"
        )
    if unknown := sorted(set(names) - set(QUEUES)):
        raise SettingMissingError(
            f"there is no queue {unknown[0]!r}; --queue knows: {', '.join(QUEUES)}"
        )
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(compose_core(settings))
        ends = [asyncio.create_task(stop_requested(settings.parent_pipe))]
        stack.push_async_callback(_cancelled, ends)
        if HOUSEKEEPING in (names or QUEUES):
            courier = webhook_courier(settings, core.pool, core.bus, core.sealer)
            ends.append(asyncio.create_task(courier.run(), name="webhooks"))
            ends.append(asyncio.create_task(month_keeper(settings, core).run(), name="months"))
            await stack.enter_async_context(firing_timers(core.bus, core.pool))
        for name in names or QUEUES:
            worker = await stack.enter_async_context(
                _worker(settings, core, place, (name, concurrency))
            )
            ends.append(asyncio.create_task(worker.ended()))
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


async def _cancelled(tasks: "list[asyncio.Task[None]]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _worker(
    settings: CloudSettings, core: Core, place: "QueuePlace", wanted: tuple[str, int]
) -> "HousekeepingWorker | JobWorker":
    from cloud.infrastructure.jobs.housekeeping import HousekeepingWorker
    from cloud.infrastructure.jobs.job_worker import JobWorker, WorkerPace
    from cloud.jobs.job import HOUSEKEEPING

    name, concurrency = wanted
    pace = WorkerPace(
        concurrency_count=concurrency,
        lock_s=settings.jobs.lock_s,
        stalled_s=settings.jobs.stalled_s,
    )
    if name == HOUSEKEEPING:
        return HousekeepingWorker(place, core.pool, pace)
    return JobWorker(name, place, {}, pace)


async def migrate_database(settings: CloudSettings) -> str:
    """Bring the database to the newest revision and return it.

    Raises:
        SettingMissingError: KYNDOF_DATABASE_OWNER_URL is not set.
    """
    from cloud.infrastructure.postgres.migration import migrate

    url = settings.database_owner_url.get_secret_value()
    if not url:
        raise SettingMissingError("set KYNDOF_DATABASE_OWNER_URL to migrate")
    return await migrate(url)
