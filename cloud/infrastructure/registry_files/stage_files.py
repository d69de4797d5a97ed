"""The stages of the registry: ``standards/stages.yml`` and the pictures beside it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cloud.production.step import GuideLine
from cloud.production.work_order import Stage

_CODE = re.compile(r"[A-Z][A-Z0-9]{1,9}")
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
                self._stages = self._read()
                self._read_at_ns = changed_ns
        except (OSError, StageFileError) as problem:
            if not self._stages:
                raise StageFileError(f"{self._file}: {problem}") from problem
        return self._stages

    def picture(self, name: str) -> bytes:
        """Return a guide's picture, empty when there is none of this name."""
        path = self._pictures / name
        if not _PICTURE.fullmatch(name) or not path.is_file():
            return b""
        return path.read_bytes()

    def _read(self) -> Mapping[str, Stage]:
        try:
            document = yaml.safe_load(self._file.read_text(encoding="utf-8"))
        except yaml.YAMLError as problem:
            raise StageFileError(f"not YAML: {problem}") from problem
        entries = document.get("stages") if isinstance(document, dict) else None
        if not isinstance(entries, list) or not entries:
            raise StageFileError("stages: a list is missing")
        found: dict[str, Stage] = {}
        for index, entry in enumerate(entries):
            stage = self._stage(entry, f"stages[{index}]")
            if stage.code in found:
                raise StageFileError(f"stages[{index}].code: {stage.code} stands twice")
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


def _pair(value: Any, where: str) -> tuple[str, str]:  # noqa: ANN401  plain YAML data
    if not isinstance(value, dict) or not all(
        isinstance(value.get(language), str) and value[language].strip()
        for language in ("ko", "en")
    ):
        raise StageFileError(f"{where}: ko and en are missing")
    return value["ko"], value["en"]
