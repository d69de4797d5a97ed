"""The stages of the registry: ``standards/stages.yml`` and the pictures beside it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cloud.infrastructure.registry_files.document import RegistryFileError, read_document
from cloud.permissions.queries import RegistryProblem
from cloud.production.step import GuideLine
from cloud.production.work_order import Stage

_CODE = re.compile(r"[A-Z][A-Z0-9]{1,9}")
PATH = "standards/stages.yml"
_PICTURE = re.compile(r"[a-z0-9-]+\.(svg|png)")


class StageFileError(Exception):
    """The stages' file says something that cannot be; the message names file and place."""


class StageFiles:
    """``StageCatalogue`` over a registry folder; read again when the file changes.

    A changed file that does not hold leaves the last good stages in place; at the first reading it
    is refused.
    """

    def __init__(self, registry: Path) -> None:
        self._file = registry / "standards" / "stages.yml"
        self._pictures = registry / "standards" / "pictures"
        self._stages: Mapping[str, Stage] = {}
        self._read_at_ns = -1
        self._problem: RegistryProblem | None = None
        self.content = ""

    @classmethod
    def of_checkout(cls) -> "StageFiles":
        """Return the stages of the registry in the checkout."""
        return cls(Path(__file__).parents[3] / "registry")

    def stages(self) -> Mapping[str, Stage]:
        """Return the stages by code, in the file's order.

        Raises:
            StageFileError: the file does not hold and there is no last good one.
        """
        try:
            changed_ns = self._file.stat().st_mtime_ns
            if changed_ns != self._read_at_ns:
                content = self._file.read_text(encoding="utf-8")
                self._stages = self._read(content)
                self._read_at_ns, self.content, self._problem = changed_ns, content, None
        except (OSError, UnicodeDecodeError, RegistryFileError) as problem:
            line = problem.line if isinstance(problem, RegistryFileError) else 1
            reason = problem.reason if isinstance(problem, RegistryFileError) else str(problem)
            if not self._stages:
                raise StageFileError(f"{PATH}:{line}: {reason}") from problem
            self._problem = RegistryProblem(
                file=PATH, line=line, code="REGISTRY_INVALID", reason=reason, serving="last_good"
            )
        return self._stages

    def codes(self) -> frozenset[str]:
        """Return the codes of all stages.

        Raises:
            StageFileError: the file does not hold and there is no last good one.
        """
        return frozenset(self.stages())

    def revive(self, content: str) -> None:
        """Serve an earlier version of the file until it holds again.

        Raises:
            StageFileError: that version does not hold either.
        """
        try:
            self._stages = self._read(content)
        except RegistryFileError as problem:
            raise StageFileError(f"the kept version of {problem}") from problem

    def problems(self) -> tuple[RegistryProblem, ...]:
        """Return what is wrong with the file as it lies there now."""
        self.stages()
        return () if self._problem is None else (self._problem,)

    def picture(self, name: str) -> bytes:
        """Return a guide's picture, empty when there is none of this name."""
        path = self._pictures / name
        if not _PICTURE.fullmatch(name) or not path.is_file():
            return b""
        return path.read_bytes()

    def _read(self, content: str) -> Mapping[str, Stage]:
        document = read_document(PATH, content)
        entries = document.data.get("stages") if isinstance(document.data, dict) else None
        if not isinstance(entries, list) or not entries:
            raise RegistryFileError(PATH, 1, "REGISTRY_INVALID", "stages: a list is missing")
        found: dict[str, Stage] = {}
        for index, entry in enumerate(entries):
            try:
                stage = self._stage(entry, f"stages[{index}]")
                _refuse_twin(stage, found, f"stages[{index}]")
            except StageFileError as problem:
                line = document.line(("stages", index))
                raise RegistryFileError(PATH, line, "REGISTRY_INVALID", str(problem)) from problem
            found[stage.code] = stage
        return found

    def _stage(self, entry: Any, where: str) -> Stage:  # noqa: ANN401  plain YAML data
        if not isinstance(entry, dict) or not _CODE.fullmatch(str(entry.get("code", ""))):
            raise StageFileError(f"{where}.code: capitals and digits are missing")
        title_ko, title_en = _pair(entry.get("title"), f"{where}.title")
        lines = []
        for number, line in enumerate(entry.get("guide") or []):
            ko, en = _pair(line, f"{where}.guide[{number}]")
            picture = str(line.get("picture", ""))
            if picture and not self.picture(picture):
                raise StageFileError(f"{where}.guide[{number}].picture: no file {picture}")
            lines.append(GuideLine(text_ko=ko, text_en=en, picture=picture))
        return Stage(code=entry["code"], title_ko=title_ko, title_en=title_en, guide=tuple(lines))


def _refuse_twin(stage: Stage, found: Mapping[str, Stage], where: str) -> None:
    if stage.code in found:
        raise StageFileError(f"{where}.code: {stage.code} stands twice")


def _pair(value: Any, where: str) -> tuple[str, str]:  # noqa: ANN401  plain YAML data
    if not isinstance(value, dict) or not all(
        isinstance(value.get(language), str) and value[language].strip()
        for language in ("ko", "en")
    ):
        raise StageFileError(f"{where}: ko and en are missing")
    return value["ko"], value["en"]
