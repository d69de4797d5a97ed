"""Sign in with Slack, to know which Slack account is whose."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

import httpx

from cloud.organizations.errors import (
    ProviderAwayError,
    ProviderNotConfiguredError,
    ProviderRefusedError,
)

_PATIENCE_S = 10.0
_IDENTIFIER = re.compile(r"[A-Z0-9]{2,30}")


class TripLike(Protocol):
    """What was kept for the return."""

    @property
    def nonce(self) -> str:
        """Return what Slack may repeat."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackSettings:
    """Slack's address and our application there."""

    address: str
    client_id: str
    client_secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackPerson:
    """Whom Slack proved."""

    team_id: str
    slack_user_id: str
    team_name: str


class HttpxSlackProvider:
    """Exchanges Slack's code and asks Slack, over TLS, whose it was."""

    def __init__(self, settings: SlackSettings) -> None:
        self._settings = settings

    @property
    def configured(self) -> bool:
        """Say whether there is an application of ours at Slack."""
        return not self._missing()

    def address(self, back: str, state: str, trip: TripLike) -> str:
        """Return where the browser goes.

        Raises:
            ProviderNotConfiguredError: a setting is missing.
        """
        self.check_settings()
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "scope": "openid profile email",
            "redirect_uri": back,
            "state": state,
            "nonce": trip.nonce,
        }
        return f"{self._settings.address}/openid/connect/authorize?{urlencode(asked)}"

    async def prove(self, back: str, code: str, trip: TripLike) -> SlackPerson:
        """Return whom a code proves.

        Raises:
            ProviderNotConfiguredError: a setting is missing.
            ProviderAwayError: Slack does not answer.
            ProviderRefusedError: Slack refuses, or says nothing of a person.
        """
        self.check_settings()
        form = {
            "client_id": self._settings.client_id,
            "client_secret": self._settings.client_secret,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
        }
        async with httpx.AsyncClient(
            base_url=self._settings.address, timeout=_PATIENCE_S
        ) as client:
            given = await _asked(client, "/api/openid.connect.token", form, {})
            bearer = {"Authorization": f"Bearer {given.get('access_token')}"}
            told = await _asked(client, "/api/openid.connect.userInfo", {}, bearer)
        team, user = told.get("https://slack.com/team_id"), told.get("https://slack.com/user_id")
        if not (_is_identifier(team) and _is_identifier(user)):
            raise ProviderRefusedError("Slack named no person")
        name = told.get("https://slack.com/team_name")
        return SlackPerson(
            team_id=str(team),
            slack_user_id=str(user),
            team_name=name.replace("\x00", "") if isinstance(name, str) else "",
        )

    def _missing(self) -> str:
        if not self._settings.client_id:
            return "KYNDOF_SLACK__CLIENT_ID"
        return "" if self._settings.client_secret else "KYNDOF_SLACK__CLIENT_SECRET"

    def check_settings(self) -> None:
        """Refuse to begin without an application of ours at Slack.

        Raises:
            ProviderNotConfiguredError: a setting is missing.
        """
        if missing := self._missing():
            raise ProviderNotConfiguredError(
                f"Slack is not configured; set {missing}", setting=missing
            )


def _is_identifier(value: object) -> bool:
    return isinstance(value, str) and _IDENTIFIER.fullmatch(value) is not None


async def _asked(
    client: httpx.AsyncClient, path: str, form: Mapping[str, str], headers: Mapping[str, str]
) -> dict[str, Any]:
    try:
        answer = (await client.post(path, data=form, headers=headers)).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise ProviderAwayError("Slack does not answer") from error
    if not isinstance(answer, dict) or answer.get("ok") is not True:
        raise ProviderRefusedError("Slack refuses the code")
    return answer
