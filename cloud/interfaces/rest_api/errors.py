"""From error to HTTP: one status per code, the text in the asker's language."""

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from cloud.commands.errors import CommandError

LANGUAGES = ("ko", "en")

#: A refusal without an entry is 422: understood, and not possible as asked.
STATUS = {
    "NOT_SIGNED_IN": 401,
    "LOGIN_LINK_INVALID": 401,
    "WEBHOOK_SIGNATURE_INVALID": 401,
    "WEBHOOK_EXPIRED": 401,
    "PASSWORD_LINK_INVALID": 401,
    "SIGN_IN_REFUSED": 401,
    "REFRESH_TOKEN_INVALID": 401,
    "REFRESH_TOKEN_REUSED": 401,
    "TOKEN_EXPIRED": 401,
    "TOKEN_KIND_WRONG": 401,
    "SCOPE_MISSING": 403,
    "SCOPE_WIDENED": 403,
    "SESSION_NEEDED": 403,
    "OWN_PROOF_NEEDED": 403,
    "INVITATION_FOR_ANOTHER": 403,
    "PROVIDER_REFUSED": 403,
    "PROVIDER_PERSON_UNKNOWN": 403,
    "DEVICE_DENIED": 403,
    "INVITATION_INVALID": 404,
    "DEVICE_CODE_UNKNOWN": 404,
    "MEMBERSHIP_UNKNOWN": 404,
    "LAST_OWNER": 409,
    "ORGANIZATION_CODE_TAKEN": 409,
    "ORGANIZATION_NEEDED": 409,
    "SLACK_ACCOUNT_TAKEN": 409,
    "DEVICE_PENDING": 400,
    "DEVICE_EXPIRED": 410,
    "DEVICE_SLOW_DOWN": 429,
    "TOO_MANY_ATTEMPTS": 429,
    "PROVIDER_AWAY": 502,
    "PROVIDER_NOT_CONFIGURED": 503,
    "FORBIDDEN": 403,
    "FOREIGN_ORIGIN": 403,
    "SESSION_ROLE_REFUSED": 403,
    "COMMAND_UNKNOWN": 404,
    "NOT_FOUND": 404,
    "PERSON_UNKNOWN": 404,
    "WORK_ORDER_UNKNOWN": 404,
    "PIECE_UNKNOWN": 404,
    "STEP_UNKNOWN": 404,
    "INSPECTION_UNKNOWN": 404,
    "FINDING_UNKNOWN": 404,
    "BANK_UNKNOWN": 404,
    "SPEC_VERSION_UNKNOWN": 404,
    "STATION_UNKNOWN": 404,
    "CONFIGURATION_UNKNOWN": 404,
    "DISPUTE_UNKNOWN": 404,
    "MEDIA_UNKNOWN": 404,
    "LABEL_UNKNOWN": 404,
    "SESSION_UNKNOWN": 404,
    "WEBHOOK_ENDPOINT_UNKNOWN": 404,
    "WEBHOOK_SUBSCRIPTION_UNKNOWN": 404,
    "WEBHOOK_DELIVERY_UNKNOWN": 404,
    "APPROVAL_UNKNOWN": 404,
    "DELEGATION_UNKNOWN": 404,
    "ABSENCE_UNKNOWN": 404,
    "ASSIGNMENT_UNKNOWN": 404,
    "JOB_UNKNOWN": 404,
    "JOB_QUEUE_UNKNOWN": 404,
    "ROLLOUT_UNKNOWN": 404,
    "MODEL_BUNDLE_UNKNOWN": 404,
    "ROLLOUT_SELF_APPROVED": 403,
    "ROLLOUT_STAGE_WRONG": 409,
    "ROLLOUT_STATION_BUSY": 409,
    "ROLLOUT_DIGEST_DIFFERS": 409,
    "MODEL_BUNDLE_OLDER": 409,
    "CREDENTIAL_UNKNOWN": 404,
    "METHOD_NOT_ALLOWED": 405,
    "PRECONDITION_FAILED": 412,
    "BODY_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "PRECONDITION_REQUIRED": 428,
    "RATE_LIMITED": 429,
    "APPROVAL_PENDING": 202,
    "CONFLICT": 409,
    "WEBHOOK_REPLAYED": 409,
    "WEBHOOK_SECRET_MISSING": 409,
    "IDEMPOTENCY_CONFLICT": 409,
    "PERSON_EXISTS": 409,
    "CREDENTIAL_EXISTS": 409,
    "AUDIT_CHAIN_BROKEN": 409,
    "WORK_ORDER_NUMBER_TAKEN": 409,
    "STATION_NAME_TAKEN": 409,
    "SPEC_VERSION_OLD": 409,
    "STEP_OUT_OF_ORDER": 409,
    "INSPECTION_CHANGED": 409,
    "BANK_WITHDRAWN": 409,
    "DISPUTE_RESOLVED": 409,
    "SESSION_ENDED": 409,
    "APPROVAL_CLOSED": 409,
    "APPROVAL_PAYLOAD_CHANGED": 409,
    "APPROVER_RIGHT_LOST": 403,
    "ADVICE_NOT_ASKED": 409,
    "NOBODY_TO_ASSIGN": 409,
    "JOB_NOT_FAILED": 409,
    "JOBS_AWAY": 503,
    "INTERNAL_ERROR": 500,
    "DATABASE_AWAY": 503,
    "CREDENTIAL_KEYS_MISSING": 503,
    "CREDENTIAL_KEYS_INVALID": 503,
    "CREDENTIAL_KEY_UNKNOWN": 503,
    "CREDENTIAL_DAMAGED": 500,
}
_UNPROCESSABLE = 422
_NOT_ALLOWED = 405
_BY_STATUS = {
    400: "PAYLOAD_INVALID",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "BODY_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
}


@cache
def texts(language: str) -> dict[str, str]:
    """Return the texts of all codes in ``ko`` or ``en``."""
    path = Path(__file__).parent / "texts" / f"{language}.json"
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return found


def language_of(request: Request) -> str:
    """Return ``en`` for somebody who asks for it before Korean, ``ko`` otherwise."""
    for part in request.headers.get("accept-language", "").split(","):
        language = part.split(";")[0].strip()[:2].lower()
        if language in LANGUAGES:
            return language
    return LANGUAGES[0]


def answer(request: Request, code: str, details: dict[str, Any]) -> JSONResponse:
    """Return the body that every refusal has."""
    known = texts(language_of(request))
    body = {
        "code": code,
        "message": known.get(code, known["COMMAND_ERROR"]),
        "details": details,
        "request_id": getattr(request.state, "request_id", ""),
    }
    wait_s = details.get("retry_after_s")
    headers = {"Retry-After": str(wait_s)} if isinstance(wait_s, int) else None
    return JSONResponse(
        {"error": body}, status_code=STATUS.get(code, _UNPROCESSABLE), headers=headers
    )


def add_error_answers(app: FastAPI) -> None:
    """Let every error of the application answer in the one shape."""

    async def refused(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, CommandError):
            raise error
        return answer(request, error.code, {"reason": error.message, **error.details})

    async def unread(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, RequestValidationError):
            raise error
        problems = [
            {"field": ".".join(str(part) for part in e["loc"]), "problem": e["msg"]}
            for e in error.errors()
        ]
        return answer(request, "PAYLOAD_INVALID", {"problems": problems})

    async def missing(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, HTTPException):
            raise error
        if error.status_code == _NOT_ALLOWED:
            return _not_allowed(request, methods_of(request.url.path))
        details = {"reason": error.detail} if error.status_code == 400 else {}
        return answer(request, _BY_STATUS.get(error.status_code, "COMMAND_ERROR"), details)

    methods_of = _methods_of(app)
    app.add_exception_handler(CommandError, refused)
    app.add_exception_handler(RequestValidationError, unread)
    app.add_exception_handler(HTTPException, missing)


def _methods_of(app: FastAPI) -> Callable[[str], list[str]]:
    """Return a look-up of the methods that an address takes, by what the interface says of itself.

    The dashboard's page answers a GET at every other address, which says nothing about ours.
    """
    known: list[tuple[re.Pattern[str], list[str]]] = []

    def methods(path: str) -> list[str]:
        if not known:
            for template, item in app.openapi()["paths"].items():
                pattern = re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(template))
                known.append((re.compile(pattern), [name.upper() for name in item]))
        found = {name for pattern, names in known if pattern.fullmatch(path) for name in names}
        return sorted(found)

    return methods


def _not_allowed(request: Request, methods: list[str]) -> JSONResponse:
    if not methods:
        return answer(request, "NOT_FOUND", {})
    refusal = answer(request, "METHOD_NOT_ALLOWED", {"allowed": methods})
    refusal.headers["Allow"] = ", ".join(methods)
    return refusal
