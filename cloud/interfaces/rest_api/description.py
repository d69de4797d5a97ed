"""What OpenAPI says beyond the routes: the one shape of refusals, proofs, headers, conditions."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from cloud.interfaces.rest_api.access import COOKIE
from cloud.interfaces.rest_api.errors import LANGUAGES, STATUS

_ABOUT = (
    "Every answer carries `X-Request-ID` and `RateLimit-*`. A refusal has one shape, "
    "`{error: {code, message, details, request_id}}`: the code is stable, the message is Korean or "
    "English by `Accept-Language`. Send `Idempotency-Key` with a change to make it once however "
    "often it is sent; the answer of the first time comes again. `ETag` of what was read and "
    "`If-Match` with the change make sure that nobody else came between. Lists come in pages: "
    'follow `Link: <…>; rel="next"`, or give `cursor`.'
)
_REFUSAL = {"$ref": "#/components/schemas/Refusal"}
_SCHEMAS: dict[str, Any] = {
    "Refusal": {
        "type": "object",
        "title": "Refusal",
        "description": "Why a request was refused.",
        "required": ["error"],
        "additionalProperties": False,
        "properties": {"error": {"$ref": "#/components/schemas/RefusalBody"}},
    },
    "RefusalBody": {
        "type": "object",
        "title": "RefusalBody",
        "required": ["code", "message", "details", "request_id"],
        "additionalProperties": False,
        "properties": {
            "code": {
                "type": "string",
                "pattern": "^[A-Z][A-Z0-9_]*$",
                "description": "Stable; for programs.",
            },
            "message": {"type": "string", "description": "For people, in their language."},
            "details": {"type": "object", "description": "What the code alone does not say."},
            "request_id": {"type": "string", "description": "Names the request in our logs."},
        },
    },
}
_PROOFS = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}
_TEXT = {"schema": {"type": "string"}}
_COUNT = {"schema": {"type": "integer", "minimum": 0}}
_HEADERS = {
    "RequestId": {"description": "The request's number.", **_TEXT},
    "RateLimitLimit": {"description": "Requests in the window.", **_COUNT},
    "RateLimitRemaining": {"description": "Requests that are left.", **_COUNT},
    "RateLimitReset": {"description": "Seconds until all are there again.", **_COUNT},
}
_EVERY_ANSWER = {
    "X-Request-ID": {"$ref": "#/components/headers/RequestId"},
    "RateLimit-Limit": {"$ref": "#/components/headers/RateLimitLimit"},
    "RateLimit-Remaining": {"$ref": "#/components/headers/RateLimitRemaining"},
    "RateLimit-Reset": {"$ref": "#/components/headers/RateLimitReset"},
}
_PARAMETERS = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "Makes the change once however often it is sent.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 200},
    },
    "Language": {
        "name": "Accept-Language",
        "in": "header",
        "required": False,
        "description": "Language of messages.",
        "schema": {"type": "string", "default": LANGUAGES[0]},
    },
}
_MEANING = {
    "202": "The act waits for an approval.",
    "401": "Nobody has proven who they are.",
    "403": "The right is missing.",
    "404": "Nothing with this identifier can be read.",
    "409": "The present state, or an earlier use of the key, does not allow it.",
    "412": "What was read has changed.",
    "413": "The body is too large.",
    "415": "The content type is not taken.",
    "422": "A field is missing or not valid.",
    "428": "If-Match is needed.",
    "429": "Too many requests.",
    "503": "The database does not answer.",
}
#: Routes that take no proof of who asks.
_OPEN = ("/health/", "/api/v1/login", "/api/v1/hooks/")
_CHANGING = {"post", "put", "patch", "delete"}


def describe(app: FastAPI) -> None:
    """Let ``app.openapi()`` return the whole description; it is made once."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(
                get_openapi(
                    title=app.title, version=app.version, description=_ABOUT, routes=app.routes
                )
            )
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for gone in ("HTTPValidationError", "ValidationError"):
        schemas.pop(gone, None)
    schemas |= _SCHEMAS
    components |= {"securitySchemes": _PROOFS, "headers": _HEADERS, "parameters": _PARAMETERS}
    document["security"] = [{name: []} for name in _PROOFS]
    document["x-error-codes"] = dict(sorted(STATUS.items()))
    for path, method, operation in _operations(document):
        _complete(path, method, operation)
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    is_open = path.startswith(_OPEN)
    if is_open:
        operation["security"] = []
    responses = operation["responses"]
    if path.startswith("/health/"):
        return
    for status in _statuses(path, method, operation, is_open=is_open):
        responses[status] = {
            "description": _MEANING[status],
            "content": {"application/json": {"schema": _REFUSAL}},
        }
    responses["default"] = {
        "description": "Any other refusal.",
        "content": {"application/json": {"schema": _REFUSAL}},
    }
    for response in responses.values():
        response.setdefault("headers", {}).update(_EVERY_ANSWER)
    parameters = operation.setdefault("parameters", [])
    parameters.append({"$ref": "#/components/parameters/Language"})
    if method in _CHANGING and not is_open:
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})


def _statuses(path: str, method: str, operation: dict[str, Any], *, is_open: bool) -> Iterator[str]:
    yield from ("422", "429", "503")
    if not is_open or path.endswith("/login"):
        yield "401"
    if not is_open:
        yield "403"
    if "{" in path:
        yield "404"
    if "requestBody" in operation:
        yield from ("413", "415")
    if method in _CHANGING and not is_open:
        yield from ("202", "409")
    if any(p.get("name") == "If-Match" for p in operation.get("parameters", [])):
        yield from ("412", "428")
