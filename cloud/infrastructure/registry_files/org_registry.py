"""The matrices in use: read from the folder, the last good version when a file is broken."""

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from cloud.infrastructure.registry_files.document import RegistryFileError, read_schema
from cloud.infrastructure.registry_files.org_files import read_matrix
from cloud.permissions.queries import RegistryProblem
from cloud.permissions.rabsic import Matrix

_log = logging.getLogger("kyndof.registry")


class KeptText(Protocol):
    """A file's text as it was last used."""

    @property
    def path(self) -> str:
        """Return the file's path below `registry/`."""
        ...

    @property
    def content(self) -> str:
        """Return its text."""
        ...


class RegistryStore(Protocol):
    """Where last good versions are kept."""

    async def organizations(self) -> tuple[str, ...]:
        """Return every organization."""
        ...

    async def logins(self) -> frozenset[str]:
        """Return the logins of all organizations' persons."""
        ...

    async def kept(self, organization_id: str) -> Mapping[str, KeptText]:
        """Return the kept files by path."""
        ...

    async def keep_one(self, organization_id: str, path: str, content: str) -> None:
        """Keep one file that is no matrix."""
        ...

    async def keep(
        self, organization_id: str, files: tuple[Any, ...], present: tuple[str, ...]
    ) -> None:
        """Keep files; forget what is not present any more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodFile:
    """One valid file with its matrix."""

    path: str
    digest: str
    content: str
    matrix: Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one look at the folder gave."""

    good: Mapping[str, GoodFile]
    errors: Mapping[str, RegistryFileError]
    stamp: tuple[tuple[str, int, int], ...]


@dataclass(slots=True)
class _InUse:
    """One consistent set of matrices; replaced as a whole, never changed."""

    common: Mapping[str, GoodFile] = field(default_factory=dict)
    own: Mapping[str, Mapping[str, GoodFile]] = field(default_factory=dict)
    errors: Mapping[str, RegistryFileError] = field(default_factory=dict)


class RegistryRefusedError(Exception):
    """The first start found files that cannot be used and no earlier version of them."""


class OrgRegistry:
    """``Matrices`` from files. ``start`` once, then ``look`` whenever something may be new.

    A broken file keeps its last good version in use, also over a restart; a removed file is
    taken away. The set in use is replaced in one assignment, so no request sees half of it.
    """

    def __init__(
        self,
        folder: Path,
        store: RegistryStore,
        *,
        others: Callable[[], tuple[RegistryProblem, ...]] = tuple,
    ) -> None:
        self._folder = folder
        self._store = store
        self._others = others
        self._schema = read_schema(folder / "schemas" / "org.schema.json")
        self._stamp: tuple[tuple[str, int, int], ...] = ()
        self._served: tuple[str, ...] = ()
        self._in_use = _InUse()

    async def start(self) -> None:
        """Read everything for the first time.

        Raises:
            RegistryRefusedError: a file is broken and no good version of it was ever kept, or
                there is no matrix at all; file, line and reason are told.
        """
        organizations = await self._store.organizations()
        # Without any organization there is nobody yet whom a position could name.
        known = await self._store.logins() if organizations else None
        reading = read_folder(self._folder, self._schema, known)
        own = {
            organization_id: self._revived(await self._store.kept(organization_id), reading, known)
            for organization_id in organizations
        }
        orphans = [
            str(error)
            for path, error in reading.errors.items()
            if not organizations or any(path not in kept for kept in own.values())
        ]
        if orphans:
            raise RegistryRefusedError("; ".join(orphans))
        if not reading.good and not reading.errors:
            raise RegistryRefusedError(f"{self._folder / 'org'}: no matrix (*.yml) lies there")
        await self._use(reading, own)

    async def look(self) -> bool:
        """Take over what has changed; True when something has."""
        stamp = folder_stamp(self._folder)
        organizations = await self._store.organizations()
        same = stamp == self._stamp and organizations == self._served
        if same and not self._in_use.errors:
            return False
        known = await self._store.logins() if organizations else None
        reading = read_folder(self._folder, self._schema, known)
        before = self._in_use
        own = {
            organization_id: {
                path: good
                for path in reading.errors
                if (good := self._file(organization_id, path)) is not None
            }
            for organization_id in organizations
        }
        await self._use(reading, own)
        return before.common != reading.good or set(before.errors) != set(reading.errors)

    def matrix(self, organization_id: str, domain: str) -> Matrix | None:
        """Return the domain's matrix; None when there is no valid one."""
        return next(
            (
                good.matrix
                for good in self._files(organization_id).values()
                if good.matrix.domain == domain
            ),
            None,
        )

    def domains(self, organization_id: str) -> tuple[str, ...]:
        """Return the domains that have a matrix."""
        return tuple(sorted(good.matrix.domain for good in self._files(organization_id).values()))

    def version(self, organization_id: str) -> str:
        """Return a digest that changes with every change of the matrices."""
        files = self._files(organization_id)
        text = "\n".join(f"{path} {files[path].digest}" for path in sorted(files))
        return hashlib.sha256(text.encode()).hexdigest()

    def problems(self, organization_id: str) -> tuple[RegistryProblem, ...]:
        """Return what is wrong with the files as they lie there now."""
        in_use = self._in_use
        own = tuple(
            RegistryProblem(
                file=path,
                line=error.line,
                code=error.code,
                reason=error.reason,
                serving="last_good" if path in in_use.own.get(organization_id, {}) else "nothing",
            )
            for path, error in sorted(in_use.errors.items())
        )
        return own + self._others()

    def _files(self, organization_id: str) -> Mapping[str, GoodFile]:
        in_use = self._in_use
        return {**in_use.common, **in_use.own.get(organization_id, {})}

    def _file(self, organization_id: str, path: str) -> GoodFile | None:
        return self._files(organization_id).get(path)

    def _revived(
        self, kept: Mapping[str, KeptText], reading: Reading, known: frozenset[str] | None
    ) -> dict[str, GoodFile]:
        """Read the kept version of every broken file; one that breaks a rule today is left out."""
        revived = {}
        for path in reading.errors:
            if path in kept:
                try:
                    revived[path] = good_file(path, kept[path].content, self._schema, known)
                except RegistryFileError as error:
                    _log.error("the kept version of %s is not valid either: %s", path, error)
        return revived

    async def _use(self, reading: Reading, own: Mapping[str, Mapping[str, GoodFile]]) -> None:
        self._in_use = _InUse(common=reading.good, own=own, errors=reading.errors)
        self._stamp, self._served = reading.stamp, tuple(own)
        for error in reading.errors.values():
            _log.error("registry: %s", error)
        present = (*reading.good, *reading.errors)
        for organization_id in own:
            await self._store.keep(organization_id, tuple(reading.good.values()), present)


def folder_stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return name, modification time and size of every matrix file."""
    stamps = []
    for path in sorted((folder / "org").glob("*.yml")):
        about = path.stat()
        stamps.append((path.name, about.st_mtime_ns, about.st_size))
    return tuple(stamps)


def read_folder(folder: Path, schema: Mapping[str, Any], known: frozenset[str] | None) -> Reading:
    """Read every matrix file; what is wrong with one does not hide the others."""
    stamp = folder_stamp(folder)
    good: dict[str, GoodFile] = {}
    errors: dict[str, RegistryFileError] = {}
    for name, _, _ in stamp:
        path = f"org/{name}"
        try:
            file = good_file(path, (folder / path).read_text(encoding="utf-8"), schema, known)
            _refuse_second_domain(file, good)
        except RegistryFileError as error:
            errors[path] = error
        except (OSError, UnicodeDecodeError) as error:
            errors[path] = RegistryFileError(path, 1, "REGISTRY_INVALID", str(error))
        else:
            good[path] = file
    return Reading(good=good, errors=errors, stamp=stamp)


def _refuse_second_domain(file: GoodFile, good: Mapping[str, GoodFile]) -> None:
    for other in good.values():
        if other.matrix.domain == file.matrix.domain:
            raise RegistryFileError(
                file.path,
                file.matrix.place.line,
                "REGISTRY_INVALID",
                f"the domain {file.matrix.domain} is written in {other.path} already",
            )


def good_file(
    path: str, content: str, schema: Mapping[str, Any], known: frozenset[str] | None
) -> GoodFile:
    """Return the file read.

    Raises:
        RegistryFileError: it is not valid.
    """
    matrix = read_matrix(path, content, schema, known)
    digest = hashlib.sha256(content.encode()).hexdigest()
    return GoodFile(path=path, digest=digest, content=content, matrix=matrix)
