"""The schema of a station's configuration, as firmware-config publishes it."""

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import jsonschema

from cloud.stations.configuration import ConfigurationField
from cloud.stations.errors import ConfigurationInvalidError

PATH = "schemas/station-configuration.schema.json"
_KINDS = {"number": "number", "integer": "integer", "boolean": "boolean", "string": "text"}


class FileConfigurationSchema:
    """Reads the schema once, when it is first asked for."""

    def __init__(self, firmware_config: Path) -> None:
        self._path = firmware_config / PATH

    @classmethod
    def of_checkout(cls) -> "FileConfigurationSchema":
        """Return the schema that came with this program."""
        return cls(Path(__file__).parents[3] / "firmware-config")

    @cached_property
    def _schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
        return schema

    def fields(self) -> tuple[ConfigurationField, ...]:
        """Return every setting that there is, in the schema's order."""
        return tuple(self._fields())

    def _fields(self) -> Iterator[ConfigurationField]:
        for section, reference in self._schema["properties"].items():
            part = self._schema["$defs"][reference["$ref"].rpartition("/")[2]]
            for name, described in part["properties"].items():
                yield _field(section, name, described)

    def check(self, document: Mapping[str, Any]) -> None:
        """Refuse a document that the schema refuses.

        Raises:
            ConfigurationInvalidError: the first error, by its place.
        """
        validator = jsonschema.Draft202012Validator(self._schema)
        error = next(iter(validator.iter_errors(document)), None)
        if error is None:
            return
        place = [str(part) for part in error.absolute_path]
        if error.validator == "additionalProperties":
            unknown = sorted(set(error.instance) - set(error.schema["properties"]))
            raise ConfigurationInvalidError(
                "no such setting", field=".".join([*place, unknown[0]])[:200]
            )
        own = min(error.context or (), key=_is_null, default=error)
        raise ConfigurationInvalidError(own.message[:300], field=".".join(place)[:200])


def _is_null(error: jsonschema.ValidationError) -> bool:
    return isinstance(error.schema, Mapping) and error.schema.get("type") == "null"


def _field(section: str, name: str, described: Mapping[str, Any]) -> ConfigurationField:
    # A setting may also be left open: that is the other branch.
    one = next(
        (b for b in described.get("anyOf", (described,)) if b.get("type") != "null"), described
    )
    choices = tuple(str(choice) for choice in one.get("enum", ()))
    above = one.get("exclusiveMinimum")
    return ConfigurationField(
        section=section,
        name=name,
        kind="choice" if choices else _KINDS[one["type"]],
        minimum=one.get("minimum", above),
        maximum=one.get("maximum"),
        above_minimum=above is not None,
        choices=choices,
        pattern=one.get("pattern", ""),
    )
