"""Access tokens: JSON Web Tokens signed with ES256 by the newest key of a folder.

Whoever reads one accepts this one algorithm, this one kind of token and a key that lies in the
folder, whatever its header says.
"""

import json
import os
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import ECKey
from joserfc.jwt import JWTClaimsRegistry

from cloud.events.ports import Clock
from cloud.organizations.errors import TokenExpiredError
from cloud.organizations.token import ACCESS_LIFETIME, SKEW, AccessClaims

ALGORITHM = "ES256"
KIND = "at+jwt"
AUDIENCE = "kyndof-api"
ISSUER = "kyndof"
LONGEST_TOKEN = 4096
_PUBLIC_PARTS = ("kty", "crv", "x", "y")
#: An old key is kept until no token that it signed can live.
KEPT = ACCESS_LIFETIME + SKEW + timedelta(hours=1)


class TokenKeysDamagedError(Exception):
    """A file among the token keys is no key."""

    code = "TOKEN_KEYS_DAMAGED"


class FolderTokenKeys:
    """Signing keys in ``folder``, one file each, made at the first use.

    Several processes share the folder: each sees at once what another has made or taken away.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, ECKey] = {}
        self._newest = ""
        self._stamp = -1
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._read()
        if not self._keys:
            self.rotate()

    def newest(self) -> ECKey:
        """Return the key that signs."""
        self._read()
        return self._keys[self._newest]

    def find(self, key_id: object) -> ECKey | None:
        """Return the key of this name."""
        if not isinstance(key_id, str):
            return None
        # Another process may have retired it: the folder's own time is asked each time.
        self._read()
        return self._keys.get(key_id)

    def listed(self) -> tuple[tuple[str, datetime], ...]:
        """Return name and beginning of each key, the one that signs first."""
        found = [(str(key.kid), made_at) for _, key, made_at in self._files()]
        return tuple(sorted(found, key=lambda one: (one[1], one[0]), reverse=True))

    def public(self) -> list[dict[str, str]]:
        """Return the public half of each key that is believed, as JSON Web Keys."""
        self._read()
        found = []
        for name, key in sorted(self._keys.items()):
            public = key.as_dict(private=False)
            told = {part: str(public[part]) for part in _PUBLIC_PARTS}
            found.append({**told, "kid": name, "alg": ALGORITHM, "use": "sig"})
        return found

    def rotate(self, *, retire: bool = False) -> str:
        """Make a new key that signs from now on; keys that no living token needs go.

        With ``retire`` every earlier key goes, and with it each token that it signed.
        """
        now = self._clock.now()
        key = ECKey.generate_key("P-256", private=True)
        name = key.thumbprint()[:16]
        data = {**key.as_dict(private=True), "kid": name, "made_at": now.isoformat()}
        draft = self._folder / f".{name}.{os.getpid()}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(data, file)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self._folder / f"{name}.json")
        if retire:
            for path, earlier, _ in self._files():
                if str(earlier.kid) != name:
                    path.unlink(missing_ok=True)
        self._forget_old(now)
        self._read()
        return name

    def _forget_old(self, now: datetime) -> None:
        made = sorted((moment, path) for path, _, moment in self._files())
        for (_, path), (successor, _) in pairwise(made):
            if successor < now - KEPT:
                path.unlink(missing_ok=True)

    def _read(self) -> None:
        stamp = self._folder.stat().st_mtime_ns
        if stamp == self._stamp:
            return
        with self._lock:
            found = [(moment, key) for _, key, moment in self._files()]
            keys = {str(key.kid): key for _, key in found}
            if found:
                self._newest = str(max(found, key=lambda one: (one[0], str(one[1].kid)))[1].kid)
            self._keys, self._stamp = keys, stamp

    def _files(self) -> list[tuple[Path, ECKey, datetime]]:
        found = []
        for path in sorted(self._folder.glob("*.json")):
            try:
                text = path.read_text(encoding="utf-8")
            except FileNotFoundError:
                continue
            try:
                data = json.loads(text)
                made_at = datetime.fromisoformat(data.pop("made_at"))
                found.append((path, ECKey.import_key(data), made_at))
            except (ValueError, KeyError, TypeError, JoseError) as error:
                raise TokenKeysDamagedError(f"{path}: no token key ({error})") from error
        return found


class JoseAccessTokens:
    """Signs and reads access tokens."""

    def __init__(self, keys: FolderTokenKeys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    def issue(self, claims: AccessClaims) -> str:
        """Return the signed token."""
        key = self._keys.newest()
        payload: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": claims.user_id,
            "org": claims.organization_id,
            "login": claims.login,
            "fam": claims.family_id,
            "jti": claims.token_id,
            "iat": int(claims.issued_at.timestamp()),
            "nbf": int(claims.issued_at.timestamp()),
            "exp": int(claims.expires_at.timestamp()),
        }
        if claims.scopes is not None:
            payload["scope"] = " ".join(claims.scopes)
        header = {"alg": ALGORITHM, "typ": KIND, "kid": str(key.kid)}
        return jwt.encode(header, payload, key, algorithms=[ALGORITHM])

    def read(self, token: str) -> AccessClaims | None:
        """Return what a token says; None when it is not ours, or not an access token.

        Raises:
            TokenExpiredError: it is ours and its time is over.
        """
        if len(token) > LONGEST_TOKEN or not token.isascii():
            return None
        try:
            decoded = jwt.decode(token, self._key_of, algorithms=[ALGORITHM])
        except (JoseError, ValueError, TypeError, KeyError):
            return None
        if decoded.header.get("typ") != KIND:
            return None
        return self._checked(decoded.claims)

    def _key_of(self, signed: Any) -> ECKey:  # noqa: ANN401  joserfc's own object
        key = self._keys.find(signed.headers().get("kid"))
        if key is None:
            raise KeyError("no such key")
        return key

    def _checked(self, claims: dict[str, Any]) -> AccessClaims | None:
        names = ("sub", "org", "login", "fam", "jti")
        registry = JWTClaimsRegistry(
            now=int(self._clock.now().timestamp()),
            leeway=int(SKEW.total_seconds()),
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            exp={"essential": True},
            iat={"essential": True},
            nbf={"essential": True},
        )
        try:
            registry.validate(claims)
        except ExpiredTokenError as error:
            raise TokenExpiredError("this access token is older than 15 minutes") from error
        except (JoseError, ValueError, TypeError):
            return None
        if not all(isinstance(claims.get(name), str) for name in names):
            return None
        scope = claims.get("scope")
        with suppress(OverflowError, ValueError, OSError, TypeError):
            return AccessClaims(
                token_id=claims["jti"],
                family_id=claims["fam"],
                organization_id=claims["org"],
                user_id=claims["sub"],
                login=claims["login"],
                issued_at=datetime.fromtimestamp(claims["iat"], UTC),
                expires_at=datetime.fromtimestamp(claims["exp"], UTC),
                scopes=tuple(scope.split()) if isinstance(scope, str) else None,
            )
        return None
