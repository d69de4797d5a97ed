"""A small OpenID provider and a small Slack, each a real HTTP server on a free port."""

import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from joserfc import jwt
from joserfc.jwk import ECKey

from cloud.infrastructure.http_server import HttpServer

CLIENT, SECRET = "kyndof-at-provider", "a provider's secret"


@dataclass
class FakeOpenId:
    """Signs what the test wants it to say; ``changes`` go over the true claims."""

    address: str = ""
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "one"}))
    signing: ECKey | None = None
    algorithm: str = "ES256"
    person: dict[str, Any] = field(
        default_factory=lambda: {
            "sub": "person-1", "email": "Worker@demo.example", "email_verified": True,
        }
    )  # fmt: skip
    changes: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def consent(self, url: str) -> tuple[str, str]:
        """Do what a browser does there; return code and state."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        return code, asked["state"]

    def app(self) -> FastAPI:
        """Return discovery, keys and the token endpoint."""
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        def discovery() -> dict[str, str]:
            return {
                "issuer": self.address,
                "authorization_endpoint": f"{self.address}/authorize",
                "token_endpoint": f"{self.address}/token",
                "jwks_uri": f"{self.address}/keys",
            }

        @app.get("/keys")
        def keys() -> dict[str, Any]:
            return {"keys": [self.key.as_dict(private=False)]}

        @app.post("/token")
        async def token(request: Request) -> JSONResponse:
            form = {n: v[0] for n, v in parse_qs((await request.body()).decode()).items()}
            basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
            asked = self.codes.pop(form["code"], None)
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            if (
                asked is None
                or asked["code_challenge"] != challenge
                or asked["redirect_uri"] != form["redirect_uri"]
                or request.headers["authorization"] != f"Basic {basic}"
            ):
                return JSONResponse({"error": "invalid_grant"}, 400)
            return JSONResponse(
                {"access_token": "x", "token_type": "Bearer", "id_token": self._signed(asked)}
            )

        return app

    def _signed(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {
            "iss": self.address, "aud": CLIENT, "nonce": asked["nonce"], "iat": now,
            "exp": now + 300, **self.person, **self.changes,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": "one"}
        return jwt.encode(header, claims, self.signing or self.key, algorithms=[self.algorithm])


@dataclass
class FakeSlack:
    """Answers as Slack's sign-in does."""

    address: str = ""
    person: dict[str, Any] = field(
        default_factory=lambda: {
            "https://slack.com/team_id": "T012AB3C4",
            "https://slack.com/user_id": "U0G9QF9C6",
            "https://slack.com/team_name": "데모 공방",
        }
    )
    codes: set[str] = field(default_factory=set)

    def consent(self, url: str) -> tuple[str, str]:
        """Do what a browser does there; return code and state."""
        asked = parse_qs(urlsplit(url).query)
        code = secrets.token_urlsafe(8)
        self.codes.add(code)
        return code, asked["state"][0]

    def app(self) -> FastAPI:
        """Return both of Slack's methods."""
        app = FastAPI()

        @app.post("/api/openid.connect.token")
        async def token(request: Request) -> dict[str, Any]:
            form = {n: v[0] for n, v in parse_qs((await request.body()).decode()).items()}
            if form["code"] not in self.codes or form["client_secret"] != SECRET:
                return {"ok": False, "error": "invalid_code"}
            self.codes.remove(form["code"])
            return {"ok": True, "access_token": "xoxp-1"}

        @app.post("/api/openid.connect.userInfo")
        def person(request: Request) -> dict[str, Any]:
            known = request.headers["authorization"] == "Bearer xoxp-1"
            return {"ok": known, **self.person}

        return app


@asynccontextmanager
async def served(fake: FakeOpenId | FakeSlack) -> AsyncIterator[None]:
    """Serve a fake and tell it its address."""
    server = HttpServer(fake.app(), "127.0.0.1", 0, "no setting")
    await server.start()
    fake.address = f"http://127.0.0.1:{server.port}"
    try:
        yield
    finally:
        await server.stop()
