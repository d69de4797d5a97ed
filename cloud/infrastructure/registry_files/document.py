"""YAML with the line of everything in it, checked against a JSON Schema."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import yaml

Key = tuple[str | int, ...]


class RegistryFileError(Exception):
    """A registry file cannot be used: ``file``, ``line`` (from 1), a code and the reason."""

    def __init__(self, file: str, line: int, code: str, reason: str) -> None:
        super().__init__(f"{file}:{line}: {reason}")
        self.file = file
        self.line = line
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file's data, and the line of each place in it."""

    file: str
    data: Any
    lines: Mapping[Key, int]

    def line(self, place: Iterable[str | int] = ()) -> int:
        """Return the line of ``place``, or of the nearest thing around it."""
        key = tuple(place)
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)


def read_document(file: str, text: str) -> Document:
    """Return ``text``, one YAML document, with its lines.

    Raises:
        RegistryFileError: no YAML, or a key is written twice.
    """
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise RegistryFileError(file, 1, "REGISTRY_INVALID", "the file is empty")
        lines: dict[Key, int] = {}
        _note_lines(file, node, (), lines)
        return Document(file=file, data=loader.construct_document(node), lines=lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        reason = error.problem or error.context or "this is no YAML"
        raise RegistryFileError(file, line, "REGISTRY_INVALID", reason) from error
    except (yaml.YAMLError, ValueError) as error:
        raise RegistryFileError(file, 1, "REGISTRY_INVALID", str(error)) from error
    finally:
        loader.dispose()


def _note_lines(file: str, node: yaml.Node, key: Key, lines: dict[Key, int]) -> None:
    lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _note_lines(file, item, (*key, index), lines)
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            here = (*key, str(name.value))
            line = name.start_mark.line + 1
            if here in lines:
                raise RegistryFileError(
                    file, line, "REGISTRY_INVALID", f"{name.value} is written twice"
                )
            lines[here] = line
            _note_lines(file, value, here, lines)


def read_schema(path: Path) -> dict[str, Any]:
    """Return the JSON Schema in ``path``.

    Raises:
        RegistryFileError: the file is missing or is no JSON Schema.
    """
    try:
        schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
    except (OSError, ValueError, jsonschema.SchemaError) as error:
        raise RegistryFileError(path.name, 1, "REGISTRY_INVALID", str(error)) from error
    return schema


def check_schema(document: Document, schema: Mapping[str, Any]) -> None:
    """Refuse a document that its schema refuses; the first error, by line, is told.

    Raises:
        RegistryFileError: with the line of the offending place.
    """
    validator = jsonschema.Draft202012Validator(dict(schema))
    errors = sorted(
        validator.iter_errors(document.data),
        key=lambda error: (document.line(error.absolute_path), str(error.path)),
    )
    if errors:
        first = jsonschema.exceptions.best_match([errors[0]]) or errors[0]
        place: Sequence[str | int] = list(first.absolute_path)
        where = ".".join(str(part) for part in place) or "the file"
        raise RegistryFileError(
            document.file, document.line(place), "REGISTRY_INVALID", f"{where}: {first.message}"
        )
