"""Sign in from a terminal: a code is shown here and confirmed in a browser.

The tokens lie in one file that its owner alone reads. ``AccessKeeper`` gives the access token that
a request needs and fetches the next pair when the old one is about to end.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from cloud.events.ports import Clock
from cloud.organizations.queries import TokenPair

_PATIENCE_S = 10.0
_EARLY = timedelta(seconds=60)
_LONGEST_WAIT_S = 60.0


class DeviceLoginError(Exception):
    """The sign-in did not happen; the sentence is the cloud's."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the person reads: a code, and where to type it."""

    user_code: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceLogin:
    """Where the cloud is, and what asks. ``wait`` sleeps for seconds."""

    address: str
    client: str
    language: str = "ko"
    wait: Callable[[float], None] = time.sleep

    def run(
        self, show: Callable[[Shown], None], scopes: tuple[str, ...] | None = None
    ) -> TokenPair:
        """Show a code, wait until somebody confirms it, and return the tokens.

        Raises:
            DeviceLoginError: nobody confirmed it in time, somebody said no, or no cloud answers.
        """
        with self._http() as http:
            body = {"client": self.client, "scopes": None if scopes is None else list(scopes)}
            codes = _answered(http, "/device/codes", body)
            page = f"{self.address.rstrip('/')}{codes['verification_path']}"
            show(Shown(user_code=codes["user_code"], address=page))
            wait_s = float(codes["interval_s"])
            while True:
                self.wait(wait_s)
                try:
                    return _pair(
                        _answered(http, "/device/tokens", {"device_code": codes["device_code"]})
                    )
                except DeviceLoginError as error:
                    if error.code == "DEVICE_SLOW_DOWN":
                        wait_s = min(wait_s + 5, _LONGEST_WAIT_S)
                    elif error.code != "DEVICE_PENDING":
                        raise

    def refreshed(self, pair: TokenPair) -> TokenPair:
        """Return the next pair.

        Raises:
            DeviceLoginError: the sign-in has ended.
        """
        with self._http() as http:
            return _pair(_answered(http, "/tokens/refresh", {"refresh_token": pair.refresh_token}))

    def end(self, pair: TokenPair) -> None:
        """End the sign-in; one that has ended already is no matter.

        Raises:
            DeviceLoginError: no cloud answers.
        """
        with self._http() as http:
            _answered(http, "/tokens/revocation", {"refresh_token": pair.refresh_token})

    def _http(self) -> httpx.Client:
        return httpx.Client(
            base_url=f"{self.address.rstrip('/')}/api/v1",
            headers={"Accept-Language": self.language},
            timeout=_PATIENCE_S,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKeeper:
    """Keeps a pair in ``file`` and hands out access tokens."""

    file: Path
    login: DeviceLogin
    clock: Clock

    def keep(self, pair: TokenPair) -> None:
        """Write the pair so that only its owner reads it; the old one goes in the same moment."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        draft = self.file.with_name(f".{self.file.name}.{os.getpid()}")
        opened = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(opened, "w", encoding="utf-8") as file:
            json.dump(asdict(pair), file, default=str)
        draft.rename(self.file)

    def forget(self) -> None:
        """Remove the pair."""
        self.file.unlink(missing_ok=True)

    def access_token(self) -> str | None:
        """Return a token that is good for a while; None when nobody is signed in.

        Raises:
            DeviceLoginError: the sign-in has ended, or no cloud answers.
        """
        pair = self.kept()
        if pair is None:
            return None
        if pair.access_expires_at - self.clock.now() < _EARLY:
            pair = self.login.refreshed(pair)
            self.keep(pair)
        return pair.access_token

    def kept(self) -> TokenPair | None:
        """Return the pair that was kept; None when there is none that can be read."""
        try:
            return _pair(json.loads(self.file.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _pair(answer: dict[str, Any]) -> TokenPair:
    scopes = answer["scopes"]
    return TokenPair(
        access_token=answer["access_token"],
        refresh_token=answer["refresh_token"],
        access_expires_at=datetime.fromisoformat(answer["access_expires_at"]),
        refresh_expires_at=datetime.fromisoformat(answer["refresh_expires_at"]),
        organization_id=answer["organization_id"],
        login=answer["login"],
        scopes=None if scopes is None else tuple(scopes),
    )


def _answered(http: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    try:
        answer = http.post(path, json=body)
        found: Any = answer.json() if answer.content else {}
    except (httpx.HTTPError, ValueError) as error:
        raise DeviceLoginError("CLOUD_UNREACHABLE", f"{http.base_url} does not answer") from error
    if answer.is_success and isinstance(found, dict):
        return found
    told = found.get("error", {}) if isinstance(found, dict) else {}
    raise DeviceLoginError(
        str(told.get("code", f"HTTP_{answer.status_code}")), str(told.get("message", ""))
    )
