"""The catalogue of defects: ``standards/defects.yml`` of the registry."""

from dataclasses import dataclass
from pathlib import Path

from cloud.infrastructure.registry_files.document import (
    RegistryFileError,
    check_schema,
    read_document,
    read_schema,
)

PATH = "standards/defects.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class DefectKind:
    """One kind of defect. ``families`` are the cloths that can have it, empty for every cloth."""

    name: str
    title_ko: str
    title_en: str
    severity: str
    critical: bool
    occurs_on: tuple[str, ...]
    families: tuple[str, ...]
    drawn: str


def read_defects(registry: Path) -> tuple[DefectKind, ...]:
    """Return the kinds of defects in the file's order.

    Raises:
        RegistryFileError: the file or its schema is missing, or a line of it does not hold.
    """
    try:
        text = (registry / PATH).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RegistryFileError(PATH, 1, "REGISTRY_INVALID", str(error)) from error
    document = read_document(PATH, text)
    check_schema(document, read_schema(registry / "schemas" / "defects.schema.json"))
    kinds: dict[str, DefectKind] = {}
    for index, entry in enumerate(document.data["defects"]):
        if entry["name"] in kinds:
            line = document.line(("defects", index, "name"))
            raise RegistryFileError(PATH, line, "REGISTRY_INVALID", f"{entry['name']} stands twice")
        kinds[entry["name"]] = DefectKind(
            name=entry["name"],
            title_ko=entry["title"]["ko"],
            title_en=entry["title"]["en"],
            severity=entry["severity"],
            critical=entry["critical"],
            occurs_on=tuple(entry["occurs_on"]),
            families=tuple(entry.get("families", ())),
            drawn=entry["drawn"],
        )
    return tuple(kinds.values())


def check_defects(registry: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the catalogue's path if the registry has one and it was read, and what is wrong."""
    if not (registry / PATH).exists():
        return (), ()
    try:
        read_defects(registry)
    except RegistryFileError as error:
        return (), (str(error),)
    return (PATH,), ()
