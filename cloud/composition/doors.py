"""What the command line opens; nothing is opened before a command runs."""

from collections.abc import Awaitable, Callable
from typing import Any

from cloud.composition.bringing_up import up_parts
from cloud.composition.core import SettingMissingError, open_bus
from cloud.composition.registry_checks import check_org, check_registry
from cloud.composition.serving import serve
from cloud.composition.workers import migrate_database, run_embedded_broker, work
from cloud.interfaces.terminal.adapt import AdaptDoor
from cloud.interfaces.terminal.app import TerminalDoors
from cloud.interfaces.terminal.bundles import BundleDoors
from cloud.interfaces.terminal.floor import FloorDoors
from cloud.interfaces.terminal.quality import QualityDoors
from cloud.interfaces.terminal.retrain import RetrainDoor
from cloud.interfaces.terminal.token_keys import TokenKeys
from cloud.interfaces.terminal.train import TrainDoors
from cloud.settings import CloudSettings, SettingInvalidError, read_settings


def terminal_doors() -> TerminalDoors:
    """Return the doors."""
    return TerminalDoors(
        up=_up,
        serve=_with_settings(serve),
        worker=lambda queues, concurrency: work(read_settings(), queues, concurrency),
        broker=_with_settings(run_embedded_broker),
        migrate=_with_settings(migrate_database),
        bus=lambda: open_bus(read_settings()),
        check_org=lambda database: check_org(read_settings(), database),
        check_registry=lambda database: check_registry(read_settings(), database),
        new_credential_key=_new_credential_key,
        token_keys=_token_keys,
        known=_known_errors,
        quality=_quality,
        train=_train,
        adapt=_adapt,
        retrain=_retrain,
        floor=_floor,
        bundles=_bundles,
        login_file=lambda: read_settings().login_path.expanduser(),
    )


def _with_settings(
    door: Callable[[CloudSettings], Awaitable[Any]],
) -> Callable[[], Awaitable[Any]]:
    return lambda: door(read_settings())


async def _up(demo: bool) -> None:
    from cloud.infrastructure.embedded.up import run_up

    await run_up(up_parts(read_settings(), demo=demo))


def _quality() -> QualityDoors:
    from cloud.composition.quality_doors import quality_doors

    return quality_doors()


def _train() -> TrainDoors:
    from cloud.composition.training_doors import training_doors

    return training_doors()


def _retrain() -> RetrainDoor:
    from cloud.composition.retraining_door import retrain_base

    return retrain_base


def _adapt() -> AdaptDoor:
    from cloud.composition.adaptation_door import adapt_style

    return adapt_style


def _floor() -> FloorDoors:
    from cloud.composition.floor_doors import floor_doors

    return floor_doors()


def _bundles() -> BundleDoors:
    from cloud.composition.bundle_doors import bundle_doors

    return bundle_doors(read_settings())


def _new_credential_key(name: str) -> str:
    from cloud.infrastructure.signing.envelope import new_key

    return new_key(name)


def _token_keys() -> TokenKeys:
    from cloud.infrastructure.signing.access_tokens import FolderTokenKeys
    from cloud.infrastructure.system_time import SystemClock

    return FolderTokenKeys(read_settings().token_keys_folder, SystemClock())


def _known_errors() -> tuple[type[Exception], ...]:
    """Return the errors whose message is a sentence for whoever started the program."""
    from cloud.infrastructure.embedded.free_ports import PortNotFreeError
    from cloud.infrastructure.embedded.mqtt_broker import MqttBrokerError
    from cloud.infrastructure.embedded.postgres import EmbeddedPostgresError
    from cloud.infrastructure.embedded.up import AlreadyUpError, HomeUnusableError, NotReadyError
    from cloud.infrastructure.hot_store.redis_link import RedisUrlInvalidError
    from cloud.infrastructure.http_server import HttpPortTakenError
    from cloud.infrastructure.jobs.job_worker import JobWorkerEndedError
    from cloud.infrastructure.object_storage.picture_vault import ObjectStoreSettingError
    from cloud.infrastructure.postgres.pool import DatabaseAwayError, DatabaseRoleError
    from cloud.infrastructure.registry_files.document import RegistryFileError
    from cloud.infrastructure.registry_files.org_registry import RegistryRefusedError
    from cloud.infrastructure.registry_files.stage_files import StageFileError
    from cloud.infrastructure.registry_files.station_files import StationFileError
    from cloud.infrastructure.signing.access_tokens import TokenKeysDamagedError
    from cloud.infrastructure.signing.authority_folders import (
        AuthorityDamagedError,
        RolloverRefusedError,
    )
    from cloud.infrastructure.signing.bundle_keys import BundleKeysMissingError
    from cloud.infrastructure.signing.bundle_signing import BundleFolderError
    from cloud.interfaces.edge_intake.servers import PortTakenError

    return (
        AlreadyUpError, AuthorityDamagedError, BundleFolderError, BundleKeysMissingError,
        DatabaseAwayError, DatabaseRoleError,
        EmbeddedPostgresError, HomeUnusableError, HttpPortTakenError, JobWorkerEndedError,
        MqttBrokerError, NotReadyError, ObjectStoreSettingError, PortNotFreeError, PortTakenError,
        RedisUrlInvalidError, RegistryFileError, RegistryRefusedError, RolloverRefusedError,
        SettingInvalidError, SettingMissingError, StageFileError, StationFileError,
        TokenKeysDamagedError,
    )  # fmt: skip
