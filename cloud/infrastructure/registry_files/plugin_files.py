"""Plug-ins of the registry: agents, skills, workflow modules, automations; one YAML file each."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloud.infrastructure.registry_files.document import (
    RegistryFileError,
    check_schema,
    read_document,
    read_schema,
)
from cloud.infrastructure.registry_files.org_registry import (
    KeptText,
    RegistryRefusedError,
    RegistryStore,
)
from cloud.permissions.queries import PluginView, RegistryProblem

_log = logging.getLogger("kyndof.registry")
# Folder below `registry/` to the schema of its files.
FOLDERS: Mapping[str, str] = {
    "agents": "agent.schema.json",
    "automations": "automation.schema.json",
    "modules": "module.schema.json",
    "skills": "skill.schema.json",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """One valid file. ``path`` begins with its folder; ``config`` is plain data."""

    path: str
    kind: str
    name: str
    version: str
    category: str
    enabled: bool
    config: Mapping[str, Any]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginsInUse:
    """One consistent set; replaced as a whole, never changed."""

    plugins: Mapping[str, Plugin] = field(default_factory=dict)
    errors: Mapping[str, RegistryFileError] = field(default_factory=dict)
    stamp: tuple[tuple[str, int, int], ...] = ()


class PluginFiles:
    """``Plugins`` from files: ``start`` once, then ``look`` again whenever something may be new.

    A broken file keeps its last good version in use, also over a restart; ``enabled: false`` and
    a removed file take theirs away.
    """

    def __init__(self, folder: Path, store: RegistryStore) -> None:
        self._folder = folder
        self._store = store
        self._schemas = {
            kind: read_schema(folder / "schemas" / name)
            for kind, name in FOLDERS.items()
            if (folder / "schemas" / name).exists()
        }
        self._in_use = PluginsInUse()

    async def start(self) -> None:
        """Read everything for the first time.

        Raises:
            RegistryRefusedError: a file is broken and no good version of it was ever kept.
        """
        reading = self._read({})
        kept = await self._kept() if reading.errors else {}
        revived: dict[str, Plugin] = {}
        for path, error in reading.errors.items():
            if path not in kept:
                raise RegistryRefusedError(str(error))
            revived[path] = self._plugin(path, kept[path].content)
        await self._use(reading, revived)

    async def look(self) -> bool:
        """Take over what has changed; True when something has."""
        if folder_stamp(self._folder) == self._in_use.stamp:
            return False
        before = self._in_use.plugins
        await self._use(self._read(before), {})
        return dict(before) != dict(self._in_use.plugins)

    def enabled(self, kind: str = "") -> tuple[PluginView, ...]:
        """Return the plug-ins that are in use, of ``kind`` or of every kind, by file."""
        return tuple(
            PluginView(
                kind=plugin.kind,
                name=plugin.name,
                version=plugin.version,
                category=plugin.category,
                file=plugin.path,
            )
            for path, plugin in sorted(self._in_use.plugins.items())
            if plugin.enabled and kind in {"", plugin.kind}
        )

    def config(self, kind: str, name: str) -> Mapping[str, Any] | None:
        """Return the configuration of an enabled plug-in; None when there is none."""
        for plugin in self._in_use.plugins.values():
            if plugin.enabled and (plugin.kind, plugin.name) == (kind, name):
                return plugin.config
        return None

    def problems(self) -> tuple[RegistryProblem, ...]:
        """Return what is wrong with the files as they lie there now."""
        return tuple(
            RegistryProblem(
                file=path,
                line=error.line,
                code=error.code,
                reason=error.reason,
                serving="last_good" if path in self._in_use.plugins else "nothing",
            )
            for path, error in sorted(self._in_use.errors.items())
        )

    def _read(self, before: Mapping[str, Plugin]) -> PluginsInUse:
        """Read the folders; the version ``before`` stands where a file is broken."""
        stamp = folder_stamp(self._folder)
        plugins: dict[str, Plugin] = {}
        errors: dict[str, RegistryFileError] = {}
        for path, _, _ in stamp:
            try:
                text = (self._folder / path).read_text(encoding="utf-8")
                plugin = self._plugin(path, text)
                _refuse_second(plugin, plugins)
                plugins[path] = plugin
            except RegistryFileError as error:
                errors[path] = error
            except (OSError, UnicodeDecodeError) as error:
                errors[path] = RegistryFileError(path, 1, "REGISTRY_INVALID", str(error))
            if path in errors and path in before:
                plugins[path] = before[path]
        return PluginsInUse(plugins=plugins, errors=errors, stamp=stamp)

    def _plugin(self, path: str, text: str) -> Plugin:
        folder = path.partition("/")[0]
        schema = self._schemas.get(folder)
        if schema is None:
            raise RegistryFileError(
                path, 1, "REGISTRY_INVALID", f"no schema {FOLDERS[folder]} lies under schemas/"
            )
        document = read_document(path, text)
        check_schema(document, schema)
        data = document.data
        return Plugin(
            path=path,
            kind=data["type"],
            name=data["name"],
            version=data["version"],
            category=data["category"],
            enabled=data["enabled"],
            config=data["config"],
            content=text,
        )

    async def _kept(self) -> dict[str, KeptText]:
        found: dict[str, KeptText] = {}
        for organization_id in await self._store.organizations():
            found.update(await self._store.kept(organization_id))
        return found

    async def _use(self, reading: PluginsInUse, revived: Mapping[str, Plugin]) -> None:
        before = self._in_use.plugins
        self._in_use = PluginsInUse(
            plugins={**reading.plugins, **revived}, errors=reading.errors, stamp=reading.stamp
        )
        for error in reading.errors.values():
            _log.error("registry: %s", error)
        fresh = [one for path, one in reading.plugins.items() if before.get(path) != one]
        for organization_id in await self._store.organizations():
            for plugin in fresh:
                await self._store.keep_one(organization_id, plugin.path, plugin.content)


def _refuse_second(plugin: Plugin, others: Mapping[str, Plugin]) -> None:
    for other in others.values():
        if (other.kind, other.name) == (plugin.kind, plugin.name):
            raise RegistryFileError(
                plugin.path,
                1,
                "REGISTRY_INVALID",
                f"the {plugin.kind} {plugin.name} is written in {other.path} already",
            )


def folder_stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return path, modification time and size of every plug-in file."""
    stamps = []
    for kind in FOLDERS:
        for path in sorted((folder / kind).glob("*.yml")):
            about = path.stat()
            stamps.append((f"{kind}/{path.name}", about.st_mtime_ns, about.st_size))
    return tuple(stamps)


def check_plugin_files(folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the plug-in files that were read, and every finding with file, line and reason."""
    files = PluginFiles(folder, _NothingKept())
    reading = files._read({})  # noqa: SLF001  the same reading, without a database
    named = {(one.kind, one.name) for one in reading.plugins.values() if one.enabled}
    findings = [str(error) for error in reading.errors.values()]
    findings += [
        f"{plugin.path}:1: the skill {skill} is not in the registry or not enabled"
        for plugin in reading.plugins.values()
        for skill in plugin.config.get("skills", ())
        if plugin.enabled and ("skill", skill) not in named
    ]
    return tuple(path for path, _, _ in reading.stamp), tuple(findings)


class _NothingKept:
    """A check of files asks no database."""

    async def organizations(self) -> tuple[str, ...]:
        return ()

    async def logins(self) -> frozenset[str]:
        return frozenset()

    async def kept(self, organization_id: str) -> Mapping[str, KeptText]:
        return {}

    async def keep_one(self, organization_id: str, path: str, content: str) -> None:
        return None

    async def keep(
        self, organization_id: str, files: tuple[Any, ...], present: tuple[str, ...]
    ) -> None:
        return None
