"""Commands, results and events as plain JSON data, one way only, so that hashes agree."""

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from cloud.commands.command import NOT_TOLD, Command, Query, command_type
from cloud.commands.errors import PayloadInvalidError
from cloud.commands.secret import Secret


def plain(value: object) -> Any:  # noqa: ANN401  plain JSON data
    """Return ``value`` as plain JSON data.

    Moments become ISO 8601 in UTC with microseconds, bytes base64, enums their value, tuples and
    sets lists (sets sorted), dataclasses objects.

    Raises:
        PayloadInvalidError: the value has no JSON form (NaN, a moment without zone, a stranger).
    """
    if isinstance(value, Enum):
        return plain(value.value)
    if value is None or isinstance(value, str | bool | int):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list | frozenset | set):
        return _sequence(value)
    return _scalar(value)


def _sequence(value: tuple[Any, ...] | list[Any] | frozenset[Any] | set[Any]) -> list[Any]:
    items = [plain(item) for item in value]
    return sorted(items, key=canonical) if isinstance(value, frozenset | set) else items


def _scalar(value: object) -> str | float:
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise PayloadInvalidError("a moment needs a time zone")
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Decimal):
        return str(value)
    raise PayloadInvalidError(f"{type(value).__name__} has no JSON form")


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise PayloadInvalidError("NaN and infinity have no JSON form")
    return value


def _key(key: object) -> str:
    if isinstance(key, Enum):
        key = key.value
    if not isinstance(key, str):
        raise PayloadInvalidError("the keys of an object are text")
    return key


def canonical(value: object) -> str:
    """Return the one JSON text of ``value``: sorted keys, no spaces, Unicode as it is."""
    return json.dumps(
        plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def payload_hash(command: Command | Query) -> str:
    """Return the SHA-256, in hex, of the command's type and fields.

    Fields that are not told are left out; of a ``Secret`` its fingerprint stands for it.
    """
    told: object = command
    if is_dataclass(command):
        told = {
            field.name: _hashed(getattr(command, field.name))
            for field in fields(command)
            if NOT_TOLD not in field.metadata
        }
    text = canonical({"type": command_type(type(command)), "payload": told})
    return hashlib.sha256(text.encode()).hexdigest()


def _hashed(value: object) -> object:
    return value.fingerprint() if isinstance(value, Secret) else value
