"""The stations of the registry: ``stations/*.yml``, which `kyndof up` brings to life."""

from dataclasses import dataclass
from pathlib import Path

from cloud.infrastructure.registry_files.document import RegistryFileError, read_document

_FIELDS = {"name", "organization", "title", "stages"}


class StationFileError(Exception):
    """A station's file cannot be used; the message names file and reason."""

    code = "STATION_FILE_INVALID"


@dataclass(frozen=True, slots=True, kw_only=True)
class StationFile:
    """One station as its file says; ``organization`` is a short code."""

    name: str
    organization: str
    title_ko: str
    title_en: str
    stages: tuple[str, ...]


def read_stations(registry: Path) -> tuple[StationFile, ...]:
    """Return every station, by name.

    Raises:
        StationFileError: a file is not YAML, or a field is missing or of the wrong kind.
    """
    return tuple(_read(path) for path in sorted((registry / "stations").glob("*.yml")))


def _read(path: Path) -> StationFile:
    try:
        found = read_document(f"stations/{path.name}", path.read_text(encoding="utf-8")).data
    except (OSError, UnicodeDecodeError, RegistryFileError) as error:
        raise StationFileError(str(error)) from error
    if not isinstance(found, dict) or set(found) != _FIELDS:
        raise StationFileError(
            f"stations/{path.name}:1: exactly these fields are needed: {sorted(_FIELDS)}"
        )
    title, stages = found["title"], found["stages"]
    if not isinstance(title, dict) or set(title) != {"ko", "en"}:
        raise StationFileError(f"stations/{path.name}: title needs ko and en")
    if not isinstance(stages, list) or not stages or not all(isinstance(s, str) for s in stages):
        raise StationFileError(f"stations/{path.name}: stages is a list of codes such as CUT")
    return StationFile(
        name=str(found["name"]),
        organization=str(found["organization"]),
        title_ko=str(title["ko"]),
        title_en=str(title["en"]),
        stages=tuple(stages),
    )
