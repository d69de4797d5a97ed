"""The registry's files in use, and the task that notices their changes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncpg

    from cloud.infrastructure.postgres.registry_store import PostgresRegistryStore
    from cloud.infrastructure.registry_files.org_registry import OrgRegistry
    from cloud.infrastructure.registry_files.plugin_files import PluginFiles
    from cloud.infrastructure.registry_files.stage_files import StageFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Registries:
    """Matrices and plug-ins, read."""

    org: "OrgRegistry"
    plugins: "PluginFiles"

    def stores(self) -> dict[type, Callable[[Any, str], object]]:
        """Return what questions about the registry read."""
        from cloud.permissions.ports import Plugins

        return {Plugins: lambda _connection, _organization: self.plugins}

    def watching(self, pool: "asyncpg.Pool", url: str) -> "asyncio.Task[None]":
        """Return the running task that takes over what changes."""
        from cloud.infrastructure.postgres.registry_watch import RegistryWatch

        watch = RegistryWatch(pool, url, (self.org.look, self.plugins.look))
        return asyncio.create_task(watch.run(), name="registry-watch")


async def open_registries(
    folder: Path, store: "PostgresRegistryStore", stages: "StageFiles"
) -> Registries:
    """Read matrices and plug-ins.

    Raises:
        RegistryRefusedError: a file is broken and has no last good version.
    """
    from cloud.infrastructure.registry_files.org_registry import OrgRegistry
    from cloud.infrastructure.registry_files.plugin_files import PluginFiles

    plugins = PluginFiles(folder, store)
    await plugins.start()
    org = OrgRegistry(folder, store, others=lambda: stages.problems() + plugins.problems())
    await org.start()
    return Registries(org=org, plugins=plugins)
