"""Reads plain JSON data into typed values, and says where a value does not fit its type."""

import base64
import binascii
import math
import types
from collections import abc
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cache
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from cloud.commands.errors import PayloadInvalidError
from cloud.commands.secret import Secret

_SEQUENCES = (tuple, list, frozenset, set)


def field_types(kind: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the resolved type of every field of the dataclass ``kind``."""
    return _field_types(kind)


@cache
def _field_types(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def read(kind: Any, data: Any, place: str = "") -> Any:  # noqa: ANN401  any type, plain JSON data
    """Return ``data``, plain JSON data, as a value of type ``kind``: the way back of ``plain``.

    Raises:
        PayloadInvalidError: a field is missing, unknown or of another type; ``field`` names it.
    """
    origin = get_origin(kind)
    if kind is Any or kind is object:
        return data
    if origin in {Union, types.UnionType}:
        return _read_union(kind, data, place)
    if origin is Literal:
        return data if data in get_args(kind) else _refuse(place, kind, data)
    reader = _reader(kind, origin)
    return reader(kind, data, place)


def _reader(kind: Any, origin: Any) -> Callable[[Any, Any, str], Any]:  # noqa: ANN401
    if origin in _SEQUENCES:
        return _read_sequence
    if origin in {dict, abc.Mapping}:
        return _read_mapping
    if isinstance(kind, type) and is_dataclass(kind):
        return _read_fields
    return _read_scalar


def check(kind: Any, value: Any, place: str = "") -> None:  # noqa: ANN401  any type, any value
    """Refuse a ``value`` that is not of type ``kind``, nested fields included.

    Raises:
        PayloadInvalidError: ``field`` names the place, ``expected`` the type.
    """
    if not _fit(kind)(value):
        _check_slowly(kind, value, place)


def _check_slowly(kind: Any, value: Any, place: str) -> None:  # noqa: ANN401  as above
    """Find the place at which ``value`` does not fit, if there is one."""
    origin = get_origin(kind)
    if kind is Any or kind is object:
        return
    if origin in {Union, types.UnionType}:
        _check_union(kind, value, place)
    elif origin is Literal:
        if value not in get_args(kind):
            _refuse(place, kind, value)
    elif origin in _SEQUENCES:
        _check_sequence(kind, value, place)
    elif origin in {dict, abc.Mapping}:
        _check_mapping(kind, value, place)
    else:
        _check_instance(kind, value, place)


_Fit = Callable[[Any], bool]


@cache
def _fit(kind: Any) -> _Fit:  # noqa: ANN401  any type
    """Return a quick test for ``kind``: what it lets pass fits, what it does not is looked at.

    A batch of a station holds thousands of values; finding out what each type is, value by value,
    costs more than writing them down.
    """
    if kind in _PLAIN_FITS:
        return _PLAIN_FITS[kind]
    origin = get_origin(kind)
    if origin is tuple and get_args(kind)[1:] == (Ellipsis,):
        return _fits_each(get_args(kind)[0])
    if origin in {Union, types.UnionType}:
        return _fits_one(tuple(_fit(member) for member in get_args(kind)))
    if isinstance(kind, type) and is_dataclass(kind):
        return _fits_fields(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda value: type(value) is kind
    return _never


def _never(_value: object) -> bool:
    return False


def _fits_text(value: object) -> bool:
    return type(value) is str and is_storable(value)


def _fits_moment(value: object) -> bool:
    return type(value) is datetime and value.tzinfo is not None


_PLAIN_FITS: dict[Any, _Fit] = {
    str: _fits_text,
    datetime: _fits_moment,
    int: lambda value: type(value) is int,
    float: lambda value: type(value) is float and math.isfinite(value),
    bool: lambda value: type(value) is bool,
    bytes: lambda value: type(value) is bytes,
    type(None): lambda value: value is None,
    None: lambda value: value is None,
}


def _fits_each(kind: Any) -> _Fit:  # noqa: ANN401  any type
    """Return a quick test for tuples; columns of plain values are looked at as a whole."""
    members = get_args(kind) if get_origin(kind) in {Union, types.UnionType} else (kind,)
    if {*members} <= {int, bytes, bool, type(None)}:
        alike = frozenset(members)
        return lambda value: type(value) is tuple and alike.issuperset(map(type, value))
    if kind is str:
        return _fits_texts
    member = _fit(kind)
    return lambda value: type(value) is tuple and all(map(member, value))


def _fits_texts(value: object) -> bool:
    return (
        type(value) is tuple
        and {str}.issuperset(map(type, value))
        and is_storable("".join(cast("tuple[str, ...]", value)))
    )


def _fits_one(members: tuple[_Fit, ...]) -> _Fit:
    return lambda value: any(member(value) for member in members)


def _fits_fields(kind: type) -> _Fit:
    try:
        tests = tuple((name, _fit(hint)) for name, hint in field_types(kind).items())
    except (NameError, RecursionError):
        return _never

    def fits(value: object) -> bool:
        if type(value) is not kind:
            return False
        for name, test in tests:  # noqa: SIM110  a generator for each value costs as much as it
            if not test(getattr(value, name)):
                return False
        return True

    return fits


def _refuse(place: str, kind: Any, value: object) -> Any:  # noqa: ANN401
    expected = getattr(kind, "__name__", None) or str(kind)
    name = place or "payload"
    raise PayloadInvalidError(
        f"{name}: {expected} expected, {type(value).__name__} given",
        field=name,
        expected=expected,
        actual=type(value).__name__,
    )


def _inside(place: str, name: object) -> str:
    return f"{place}.{name}" if place else str(name)


def _read_union(kind: Any, data: Any, place: str) -> Any:  # noqa: ANN401
    members = get_args(kind)
    if data is None and type(None) in members:
        return None
    refusal: PayloadInvalidError | None = None
    for member in members:
        if member is type(None):
            continue
        try:
            return read(member, data, place)
        except PayloadInvalidError as error:
            refusal = refusal or error
    if refusal is not None and len(members) == len((type(None), 1)):
        raise refusal
    return _refuse(place, kind, data)


def _items(kind: Any, count: int) -> list[Any] | None:  # noqa: ANN401
    """Return the type of each of ``count`` items; None when the count is wrong."""
    arguments = get_args(kind)
    if get_origin(kind) is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
        return list(arguments) if len(arguments) == count else None
    return [arguments[0]] * count


def _read_sequence(kind: Any, data: Any, place: str) -> Any:  # noqa: ANN401
    if not isinstance(data, list | tuple) or (items := _items(kind, len(data))) is None:
        return _refuse(place, kind, data)
    return get_origin(kind)(
        read(item, value, _inside(place, index))
        for index, (item, value) in enumerate(zip(items, data, strict=True))
    )


def _read_mapping(kind: Any, data: Any, place: str) -> Any:  # noqa: ANN401
    if not isinstance(data, Mapping):
        return _refuse(place, kind, data)
    key_kind, value_kind = get_args(kind)
    return {
        read(key_kind, key, place): read(value_kind, value, _inside(place, key))
        for key, value in data.items()
    }


def _read_fields(kind: type, data: Any, place: str) -> Any:  # noqa: ANN401
    if not isinstance(data, Mapping):
        return _refuse(place, kind, data)
    hints = field_types(kind)
    if unknown := sorted(set(data) - set(hints)):
        name = _inside(place, unknown[0])
        raise PayloadInvalidError(f"{name}: no such field", field=name)
    values = {}
    for field in fields(kind):
        name = _inside(place, field.name)
        if field.name in data:
            values[field.name] = read(hints[field.name], data[field.name], name)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise PayloadInvalidError(f"{name}: missing", field=name)
    try:
        return kind(**values)
    except ValueError as error:
        raise PayloadInvalidError(f"{place or 'payload'}: {error}", field=place) from error


def _read_scalar(kind: Any, data: Any, place: str) -> Any:  # noqa: ANN401
    try:
        value = _converted(kind, data)
    except (ValueError, TypeError, InvalidOperation, binascii.Error):
        return _refuse(place, kind, data)
    _check_instance(kind, value, place)
    return value


def _converted(kind: Any, data: Any) -> Any:  # noqa: ANN401
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(data)
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    parse = _FROM_TEXT.get(kind)
    return parse(data) if parse is not None and isinstance(data, str) else data


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


_FROM_TEXT: dict[Any, Callable[[str], Any]] = {
    datetime: _moment,
    date: date.fromisoformat,
    bytes: _bytes,
    Decimal: Decimal,
    Secret: Secret,
}


def _check_union(kind: Any, value: Any, place: str) -> None:  # noqa: ANN401
    refusal: PayloadInvalidError | None = None
    members = get_args(kind)
    for member in members:
        try:
            check(member, value, place)
        except PayloadInvalidError as error:
            if member is not type(None):
                refusal = refusal or error
        else:
            return
    if refusal is not None and is_dataclass(value):
        raise refusal
    _refuse(place, kind, value)


def _check_sequence(kind: Any, value: Any, place: str) -> None:  # noqa: ANN401
    origin: Any = get_origin(kind)
    if not isinstance(value, origin) or (items := _items(kind, len(value))) is None:
        _refuse(place, kind, value)
        return
    for index, (item, member) in enumerate(zip(items, value, strict=True)):
        check(item, member, _inside(place, index))


def _check_mapping(kind: Any, value: Any, place: str) -> None:  # noqa: ANN401
    if not isinstance(value, Mapping):
        _refuse(place, kind, value)
    key_kind, value_kind = get_args(kind)
    for key, member in value.items():
        check(key_kind, key, place)
        check(value_kind, member, _inside(place, key))


def _check_instance(kind: Any, value: Any, place: str) -> None:  # noqa: ANN401
    if kind is None or kind is type(None):
        if value is not None:
            _refuse(place, kind, value)
        return
    if not isinstance(kind, type):
        raise PayloadInvalidError(f"{place}: the type {kind} cannot be checked", field=place)
    if kind is float:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            _refuse(place, kind, value)
        return
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        _refuse(place, kind, value)
    _check_content(value, place)
    if is_dataclass(kind):
        for name, hint in field_types(kind).items():
            check(hint, getattr(value, name), _inside(place, name))


def _check_content(value: object, place: str) -> None:
    """Refuse a moment without zone, and text that PostgreSQL cannot hold: NUL, half characters."""
    if isinstance(value, datetime) and value.tzinfo is None:
        raise PayloadInvalidError(f"{place}: a moment needs a time zone", field=place)
    if isinstance(value, str) and not is_storable(value):
        name = place or "payload"
        raise PayloadInvalidError(f"{name}: a character that no text may hold", field=name)


def is_storable(text: str) -> bool:
    """Say whether a text column can hold ``text``."""
    return "\x00" not in text and (
        text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
    )
