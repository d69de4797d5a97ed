"""Access tokens: what is signed, what is believed, and keys that change."""

import base64
import json
from datetime import timedelta
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey

from cloud.infrastructure.signing.access_tokens import (
    ALGORITHM,
    AUDIENCE,
    ISSUER,
    KIND,
    FolderTokenKeys,
    JoseAccessTokens,
    TokenKeysDamagedError,
)
from cloud.organizations.errors import TokenExpiredError
from cloud.organizations.token import ACCESS_LIFETIME, AccessClaims
from tests.fakes.core import SetClock

pytestmark = pytest.mark.requirement("IAM")


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


def claims_of(clock: SetClock) -> AccessClaims:
    return AccessClaims(
        token_id="tok_1",  # noqa: S106  a name
        family_id="fam_1", organization_id="org_1", user_id="usr_1",
        login="worker@demo.example", issued_at=clock.now(),
        expires_at=clock.now() + ACCESS_LIFETIME, scopes=("read",),
    )  # fmt: skip


def part(data: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")


def test_a_token_lives_a_quarter_of_an_hour_and_clocks_may_differ_a_little(
    tmp_path: Path, clock: SetClock
) -> None:
    tokens = JoseAccessTokens(FolderTokenKeys(tmp_path, clock), clock)
    token = tokens.issue(claims_of(clock))
    assert tokens.read(token) == claims_of(clock)
    clock.advance(seconds=-25)  # the reader's clock is behind
    assert tokens.read(token) is not None
    clock.advance(seconds=-20)
    assert tokens.read(token) is None
    clock.advance(minutes=15, seconds=45 + 25)
    assert tokens.read(token) is not None
    clock.advance(seconds=20)
    with pytest.raises(TokenExpiredError):
        tokens.read(token)


def test_only_our_algorithm_our_kind_and_our_keys_count(tmp_path: Path, clock: SetClock) -> None:
    keys = FolderTokenKeys(tmp_path, clock)
    tokens = JoseAccessTokens(keys, clock)
    ours = keys.newest()
    now = int(clock.now().timestamp())
    good: dict[str, object] = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": "usr_1", "org": "org_1", "login": "a@b", "fam": "f",
        "jti": "t", "iat": now, "nbf": now, "exp": now + 60,
    }  # fmt: skip

    def signed(header: dict[str, str], claims: dict[str, object], key: ECKey = ours) -> str:
        full = {"alg": ALGORITHM, "typ": KIND, "kid": str(ours.kid), **header}
        return jwt.encode(full, claims, key, algorithms=["ES256"])

    assert tokens.read(signed({}, good)) is not None
    for name, value in (
        ("iss", "x"), ("aud", "x"), ("sub", 5), ("exp", "soon"), ("fam", None), ("iat", now + 900),
    ):  # fmt: skip
        assert tokens.read(signed({}, {**good, name: value})) is None, name
    for name in ("iss", "aud", "exp", "nbf", "jti"):
        assert tokens.read(signed({}, {k: v for k, v in good.items() if k != name})) is None
    assert tokens.read(signed({"typ": "JWT"}, good)) is None
    assert tokens.read(signed({"kid": "../../etc/passwd"}, good)) is None
    assert tokens.read(signed({}, good, ECKey.generate_key("P-256"))) is None
    head = {"typ": KIND, "kid": str(ours.kid)}
    assert tokens.read(f"{part({**head, 'alg': 'none'})}.{part(good)}.") is None
    public = json.dumps(ours.as_dict(private=False))
    confused = jwt.encode({**head, "alg": "HS256"}, good, OctKey.import_key(public), ["HS256"])
    assert tokens.read(confused) is None
    for nonsense in ("", "a.b.c", "한.글.한글", "x." * 3000, "e30.e30.e30", "\x00.\x00.\x00"):
        assert tokens.read(nonsense) is None


def test_keys_change_while_tokens_live_and_old_ones_go(tmp_path: Path, clock: SetClock) -> None:
    here = FolderTokenKeys(tmp_path, clock)
    there = JoseAccessTokens(FolderTokenKeys(tmp_path, clock), clock)  # another process
    before = JoseAccessTokens(here, clock).issue(claims_of(clock))
    clock.advance(minutes=1)
    here.rotate()
    after = JoseAccessTokens(here, clock).issue(claims_of(clock))
    assert there.read(before) is not None
    assert there.read(after) is not None
    assert before.split(".")[0] != after.split(".")[0]
    clock.advance(hours=2)
    here.rotate()
    assert len(list(tmp_path.glob("*.json"))) == 2
    assert {path.stat().st_mode & 0o077 for path in tmp_path.glob("*.json")} == {0}


def test_a_retired_key_is_believed_no_more_and_its_name_is_unknown(
    tmp_path: Path, clock: SetClock
) -> None:
    here, other = FolderTokenKeys(tmp_path, clock), FolderTokenKeys(tmp_path, clock)
    token = JoseAccessTokens(here, clock).issue(claims_of(clock))
    reader = JoseAccessTokens(other, clock)
    assert reader.read(token) is not None
    clock.advance(seconds=1)
    fresh = here.rotate(retire=True)
    assert reader.read(token) is None
    assert [name for name, _ in other.listed()] == [fresh]
    head, body, signature = JoseAccessTokens(here, clock).issue(claims_of(clock)).split(".")
    assert reader.read(f"{head}.{body}.{signature}") is not None
    renamed = part({"alg": ALGORITHM, "typ": KIND, "kid": "nobody's"})
    assert reader.read(f"{renamed}.{body}.{signature}") is None


def test_public_keys_check_a_token_and_hold_nothing_private(
    tmp_path: Path, clock: SetClock
) -> None:
    keys = FolderTokenKeys(tmp_path, clock)
    before = JoseAccessTokens(keys, clock).issue(claims_of(clock))
    clock.advance(seconds=1)
    keys.rotate()
    after = JoseAccessTokens(keys, clock).issue(claims_of(clock))
    published = keys.public()
    assert len(published) == 2
    assert {name for key in published for name in key} == {
        "kty", "crv", "x", "y", "kid", "alg", "use",
    }  # fmt: skip
    known = KeySet.import_key_set({"keys": published})  # type: ignore[arg-type,typeddict-item]
    for token in (before, after):
        assert jwt.decode(token, known, algorithms=[ALGORITHM]).claims["sub"] == "usr_1"


def test_a_damaged_key_is_told_by_its_file(tmp_path: Path, clock: SetClock) -> None:
    FolderTokenKeys(tmp_path, clock)
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    with pytest.raises(TokenKeysDamagedError, match=r"bad\.json"):
        FolderTokenKeys(tmp_path, clock)


def test_a_lifetime_is_what_was_promised() -> None:
    assert timedelta(minutes=15) == ACCESS_LIFETIME
