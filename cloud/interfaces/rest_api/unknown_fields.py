"""Refuses fields that a body does not have: a misspelt wish is no wish."""

import json
import re
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from starlette.requests import HTTPConnection

from cloud.commands.errors import PayloadInvalidError

_CHANGING = {"POST", "PUT", "PATCH"}
_DEEPEST = 40
Find = Callable[[str, str], dict[str, Any] | None]


async def no_unknown_fields(request: HTTPConnection) -> None:
    """Refuse unknown fields anywhere in a JSON body; a dependency of every route, sockets too.

    Raises:
        PayloadInvalidError: ``field`` names the first one.
    """
    if not isinstance(request, Request) or request.method not in _CHANGING:
        return
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not kind.endswith("json"):
        return
    find, document = _described(request.app)
    schema = find(request.method, request.url.path)
    if schema is None:
        return
    try:
        data = json.loads(await request.body())
    except (ValueError, RecursionError):
        return  # the reading of the body says so, in its own words
    place = _unknown(schema, data, document, ("body",))
    if place is not None:
        field = ".".join(place)[:200]
        raise PayloadInvalidError(f"{field}: no such field", field=field)


def _described(app: FastAPI) -> tuple[Find, dict[str, Any]]:
    document = app.openapi()
    found: Find | None = getattr(app.state, "body_schemas", None)
    if found is None:
        found = app.state.body_schemas = _finder(document)
    return found, document


def _finder(document: dict[str, Any]) -> Find:
    known: list[tuple[str, re.Pattern[str], dict[str, Any]]] = []
    for path, item in document["paths"].items():
        pattern = re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path)))
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                schema = content["application/json"].get("schema", {})
                # An address written out comes before one with a place to fill.
                known.insert(
                    0 if "{" not in path else len(known), (method.upper(), pattern, schema)
                )

    def find(method: str, path: str) -> dict[str, Any] | None:
        hits = (s for wanted, pattern, s in known if wanted == method and pattern.fullmatch(path))
        return next(hits, None)

    return find


def _unknown(
    schema: dict[str, Any], data: object, document: dict[str, Any], place: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Return the place of the first unknown field; None when every one is known."""
    if len(place) > _DEEPEST:
        return place
    if reference := schema.get("$ref"):
        name = str(reference).rpartition("/")[2]
        return _unknown(document["components"]["schemas"][name], data, document, place)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        found = [_unknown(choice, data, document, place) for choice in choices]
        return None if None in found else found[0]
    if isinstance(data, list):
        return _in_list(schema, data, document, place)
    if isinstance(data, dict) and "properties" in schema:
        return _in_object(schema, data, document, place)
    return None


def _in_list(
    schema: dict[str, Any], data: list[Any], document: dict[str, Any], place: tuple[str, ...]
) -> tuple[str, ...] | None:
    items = schema.get("items")
    if isinstance(items, dict):
        for index, value in enumerate(data):
            found = _unknown(items, value, document, (*place, str(index)))
            if found is not None:
                return found
    return None


def _in_object(
    schema: dict[str, Any], data: dict[str, Any], document: dict[str, Any], place: tuple[str, ...]
) -> tuple[str, ...] | None:
    properties: dict[str, Any] = schema["properties"]
    for name, value in data.items():
        if name not in properties:
            return None if schema.get("additionalProperties") else (*place, str(name))
        found = _unknown(properties[name], value, document, (*place, name))
        if found is not None:
            return found
    return None
