"""Graph types made of the answers of questions, field by field."""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import strawberry
from strawberry.scalars import JSON

_PLAIN = {str, int, float, bool, datetime}


@cache
def node(view: type) -> Any:  # noqa: ANN401  a class that is made here
    """Return a graph type with the fields of the frozen dataclass ``view``.

    Values are not copied into it: a field of the graph reads the attribute of the answer.
    """
    hints = get_type_hints(view)
    annotations = {field.name: _kind(hints[field.name]) for field in fields(view)}
    name = view.__name__.removesuffix("View")
    made = type(name, (), {"__annotations__": annotations, "__doc__": view.__doc__})
    return strawberry.type(made, description=(view.__doc__ or "").partition("\n")[0])


def _kind(hint: Any) -> Any:  # noqa: ANN401  any annotation
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _PLAIN or hint is Any:
        return JSON | None if hint is Any else hint
    if origin in {Union, types.UnionType}:
        inner = [_kind(one) for one in arguments if one is not type(None)]
        return inner[0] | None if len(inner) == 1 else JSON | None
    if origin in {tuple, list, frozenset}:
        return list[_kind(arguments[0])]  # type: ignore[misc]  # made at run time
    if origin is Literal or (isinstance(hint, type) and issubclass(hint, Enum)):
        return str
    if isinstance(hint, type) and is_dataclass(hint):
        return node(hint)
    return JSON if origin in {dict, Mapping} or hint is dict else str
