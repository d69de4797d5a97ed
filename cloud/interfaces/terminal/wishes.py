"""Words of a command line into the fields of a command or question, by its schema."""

import json
from typing import Any

from cloud.interfaces.terminal.words import say


class WishInvalidError(Exception):
    """A field is none, or its value is of another kind; the sentence says which."""


def payload_of(entry: dict[str, Any], words: list[str], payload: str) -> dict[str, Any]:
    """Return the fields: those of ``payload``, a JSON object, then ``--field-name value`` words.

    ``--flag`` alone means true, ``--no-flag`` false; a field that is a list may come several times.

    Raises:
        WishInvalidError: a field is unknown or its value does not fit.
    """
    fields = _given(payload)
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        name, has_value, value = word.removeprefix("--").partition("=")
        name = name.replace("-", "_")
        schema, is_off = _schema(entry, name)
        if not word.startswith("--") or schema is None:
            known = ", ".join("--" + one.replace("_", "-") for one in properties(entry))
            raise WishInvalidError(
                say("FIELD_UNKNOWN", type=entry["type"], field=word, known=known or "–")
            )
        if _kind(schema) == "boolean" and not has_value:
            fields[name.removeprefix("no_") if is_off else name] = not is_off
            continue
        if not has_value:
            if not waiting:
                raise WishInvalidError(
                    say("FIELD_INVALID", field=name, kind=_kind(schema), value="")
                )
            value = waiting.pop(0)
        _set(fields, name, value, schema)
    return fields


def properties(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a command or question with the schema of each."""
    found: dict[str, Any] = entry["payload_schema"].get("properties", {})
    return found


def _given(payload: str) -> dict[str, Any]:
    if not payload:
        return {}
    found = _loaded(payload)
    if not isinstance(found, dict):
        raise WishInvalidError(say("JSON_INVALID"))
    return found


def _loaded(text: str) -> Any:  # noqa: ANN401  plain JSON data
    """Return JSON as every other program reads it; None for what is none, such as NaN."""
    try:
        found = json.loads(text)
        json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return found


def _schema(entry: dict[str, Any], name: str) -> tuple[dict[str, Any] | None, bool]:
    known = properties(entry)
    if name in known:
        return known[name], False
    off = known.get(name.removeprefix("no_")) if name.startswith("no_") else None
    return (off, True) if off is not None and _kind(off) == "boolean" else (None, False)


def _kind(schema: dict[str, Any]) -> str:
    choices = [c for c in schema.get("anyOf", []) if c.get("type") != "null"]
    if choices:
        return _kind(choices[0])
    return str(schema.get("type", "object" if "$ref" in schema else "string"))


def _set(fields: dict[str, Any], name: str, value: str, schema: dict[str, Any]) -> None:
    kind = _kind(schema)
    if kind == "array" and not value.startswith("["):
        kept = fields.setdefault(name, [])
        kept.append(_read(name, value, _kind(schema.get("items", {}))))
    else:
        fields[name] = _read(name, value, kind)


def _read(name: str, value: str, kind: str) -> Any:  # noqa: ANN401  plain JSON data
    if kind == "string":
        return value
    found = _loaded(value)
    fits = {
        "integer": isinstance(found, int) and not isinstance(found, bool),
        "number": isinstance(found, int | float) and not isinstance(found, bool),
        "boolean": isinstance(found, bool),
        "array": isinstance(found, list),
        "object": isinstance(found, dict | str),
    }
    if kind == "object" and found is None:
        return value  # the name of a choice
    if not fits.get(kind, True):
        raise WishInvalidError(say("FIELD_INVALID", field=name, kind=kind, value=value))
    return found
