"""What the command line knows of a running server: where it is, who asks, what it can do."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx

from cloud.interfaces.terminal.words import say

DEFAULT_SERVER = "http://127.0.0.1:8080"
#: Exit codes by HTTP status; anything else that is refused is 1.
EXIT_CODES = {401: 3, 403: 4, 404: 5, 409: 6, 412: 6, 428: 6, 202: 7, 429: 8}
SERVER_FAILED = 9
_PATIENCE_S = 30.0
_ACCEPTED = 202
_SERVER_ERROR = 500


class RemoteError(Exception):
    """The server refused, or was not reached; the sentence is for the person."""

    def __init__(self, sentence: str, exit_code: int, body: dict[str, Any] | None = None) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code
        self.body = body or {"error": {"code": "UNREACHABLE", "message": sentence}}


@dataclass(slots=True)
class Login:
    """What is kept between two commands; the secret is a key or an access token."""

    server: str = DEFAULT_SERVER
    secret: str = field(default="", repr=False)
    refresh: str = field(default="", repr=False)

    @classmethod
    def read(cls, file: Path) -> "Login":
        """Return what lies in ``file``; a fresh one when there is none or it cannot be read."""
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
            return cls(**{name: str(data[name]) for name in ("server", "secret", "refresh")})
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def keep(self, file: Path) -> None:
        """Write to ``file``, readable by its owner alone from the first moment."""
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = file.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            json.dump(asdict(self), opened)
        fresh.replace(file)


class Remote:
    """Speaks REST with one server as one person."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.login = Login.read(file)

    def keep(self) -> None:
        """Keep the login for the next command."""
        self.login.keep(self._file)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str = "",
        query: dict[str, str | int] | None = None,
    ) -> Any:  # noqa: ANN401  plain JSON data
        """Return the answer.

        Raises:
            RemoteError: refused, or not reached.
        """
        answer = self._answer(method, path, body, key, query)
        if answer.status_code == 401 and self.login.refresh and self._refreshed():
            answer = self._answer(method, path, body, key, query)
        if answer.status_code == _ACCEPTED or answer.status_code >= 400:
            raise _refusal(answer)
        return answer.json() if answer.content else None

    def catalogue(self, kind: str) -> list[dict[str, Any]]:
        """Return every command or question (``commands``, ``queries``), by type."""
        found: list[dict[str, Any]] = self.call("GET", f"/{kind}", query={"limit": 500})
        self._remember(kind, [entry["type"] for entry in found])
        return found

    def remembered(self, kind: str) -> list[str]:
        """Return the types of the last catalogue without asking; for completion."""
        try:
            found = json.loads(self._memory(kind).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        return [str(name) for name in found]

    def _memory(self, kind: str) -> Path:
        return self._file.with_name(f"{kind}.json")

    def _remember(self, kind: str, names: list[str]) -> None:
        try:
            self._memory(kind).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._memory(kind).write_text(json.dumps(names), encoding="utf-8")
        except OSError:
            return  # completion is a comfort

    def _refreshed(self) -> bool:
        answer = self._answer(
            "POST", "/tokens/refresh", {"refresh_token": self.login.refresh}, "", None
        )
        if answer.status_code != 200:
            return False
        pair = answer.json()
        self.login.secret, self.login.refresh = pair["access_token"], pair["refresh_token"]
        self.keep()
        return True

    def _answer(
        self,
        method: str,
        path: str,
        body: object,
        key: str,
        query: dict[str, str | int] | None,
    ) -> httpx.Response:
        headers = {"Accept-Language": say.language, "X-Kyndof-Interface": "terminal"}
        if self.login.secret and not path.startswith("/tokens/refresh"):
            if self.login.refresh:
                headers["Authorization"] = f"Bearer {self.login.secret}"
            else:
                headers["X-API-Key"] = self.login.secret
        if key:
            headers["Idempotency-Key"] = key
        address = f"{self.login.server.rstrip('/')}/api/v1{path}"
        try:
            with httpx.Client(timeout=_PATIENCE_S) as client:
                return client.request(method, address, json=body, headers=headers, params=query)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            sentence = say("UNREACHABLE", server=self.login.server, reason=str(error))
            raise RemoteError(sentence, SERVER_FAILED) from error


def _refusal(answer: httpx.Response) -> RemoteError:
    failed = answer.status_code >= _SERVER_ERROR
    exit_code = SERVER_FAILED if failed else EXIT_CODES.get(answer.status_code, 1)
    try:
        body = answer.json()
        error = body["error"]
        details = error["details"].get("reason", "")
        sentence = f"{error['code']}: {error['message']}" + (f" ({details})" if details else "")
    except (ValueError, KeyError, TypeError, AttributeError):
        sentence = say("NO_ANSWER", status=answer.status_code)
        return RemoteError(sentence, SERVER_FAILED)
    return RemoteError(sentence, exit_code, body)
