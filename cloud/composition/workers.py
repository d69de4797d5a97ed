"""The broker, the worker and migrations."""

import asyncio

from cloud.composition.core import SettingMissingError, compose_core
from cloud.composition.timers import firing_timers
from cloud.composition.webhooks import webhook_courier
from cloud.settings import CloudSettings


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


async def work(settings: CloudSettings) -> None:
    """Work on background jobs until told to stop.

    Raises:
        SettingMissingError: no database for jobs is configured.
    """
    from cloud.infrastructure.embedded.parent_pipe import stop_requested
    from cloud.infrastructure.jobs.housekeeping import HousekeepingWorker
    from cloud.infrastructure.telemetry.json_log import log_to_stderr

    log_to_stderr(settings.log_level)
    jobs_url = settings.database_jobs_url.get_secret_value()
    if not jobs_url:
        raise SettingMissingError("no database for jobs: set KYNDOF_DATABASE_JOBS_URL")
    async with (
        compose_core(settings) as core,
        HousekeepingWorker(jobs_url, core.pool),
        firing_timers(core.bus, core.pool),
    ):
        courier = webhook_courier(settings, core.pool, core.bus, core.seal)
        sending = asyncio.create_task(courier.run(), name="webhooks")
        try:
            await stop_requested(settings.parent_pipe)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


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
