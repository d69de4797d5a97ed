"""Whom stations believe about bundles: versions of ``trust.json``, each signed by the one before.

``trust.json`` names the roots, who sign the next version, and the release keys, who sign bundles.
``trust.sig`` is an object of base64 signatures by ``key_id``: over the bytes of ``trust.json``,
ECDSA with SHA-256 in DER. A key's ``key_id`` is the first 16 hex digits of the SHA-256 of its
public key (SubjectPublicKeyInfo, DER). The first version is signed by its own roots.

``timestamp_keys`` sign, for seven days at a time, which version is the newest: who keeps later
versions from a station cannot keep it from noticing.
"""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cloud.rollouts.errors import TrustInvalidError

Holds = Callable[[str, bytes, bytes], bool]
"""Says whether a signature over data belongs to a PEM public key: (key, data, signature)."""


TIMESTAMP_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseKey:
    """A key that signs bundles until ``not_after``."""

    key_id: str
    public_key_pem: str
    not_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """One version of the trusted keys; ``root_keys`` are PEM public keys by key id."""

    version: int
    expires_at: datetime
    root_keys: dict[str, str]
    root_threshold: int
    release_keys: tuple[ReleaseKey, ...]
    threshold: int
    timestamp_keys: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTrust:
    """The bytes of ``trust.json`` and ``trust.sig``."""

    trust_json: bytes
    trust_sig: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTimestamp:
    """Which version is the newest, and until when that may be believed, with its signatures."""

    timestamp_json: bytes
    timestamp_sig: bytes


def timestamp_of(version: int, now: datetime) -> bytes:
    """Write down that ``version`` is the newest one."""
    document = {
        "trust_version": version,
        "issued_at": now.isoformat(timespec="milliseconds"),
        "expires_at": (now + TIMESTAMP_FOR).isoformat(timespec="milliseconds"),
    }
    return json.dumps(document, sort_keys=True).encode()


def read_trust(trust_json: bytes) -> Trust:
    """Read a version of the trusted keys; its signature is not looked at.

    Raises:
        TrustInvalidError: damaged, or a threshold that cannot be met.
    """
    try:
        trust = _trust(json.loads(trust_json))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrustInvalidError(f"trust.json is damaged: {error}") from error
    if trust.version < 1 or not 1 <= trust.root_threshold <= len(trust.root_keys):
        raise TrustInvalidError("trust.json has no usable version or roots")
    if not 1 <= trust.threshold <= len(trust.release_keys):
        raise TrustInvalidError("trust.json has too few release keys")
    return trust


def _trust(data: dict[str, Any]) -> Trust:
    return Trust(
        version=int(data["version"]),
        expires_at=_moment(data["expires_at"]),
        root_keys={str(key["key_id"]): str(key["public_key_pem"]) for key in data["root_keys"]},
        root_threshold=int(data["root_threshold"]),
        release_keys=tuple(
            ReleaseKey(
                key_id=str(key["key_id"]),
                public_key_pem=str(key["public_key_pem"]),
                not_after=_moment(key["not_after"]),
            )
            for key in data["release_keys"]
        ),
        threshold=int(data["threshold"]),
        timestamp_keys={
            str(key["key_id"]): str(key["public_key_pem"]) for key in data.get("timestamp_keys", [])
        },
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return moment


def follow(before: Trust | None, signed: SignedTrust, holds: Holds) -> Trust:
    """Return the version in ``signed`` when it follows ``before``.

    Raises:
        TrustInvalidError: it is damaged, skips a version, or too few of the roots signed it: those
            of the version before and, where the roots changed, the new ones too.
    """
    trust = read_trust(signed.trust_json)
    expected = 1 if before is None else before.version + 1
    if trust.version != expected:
        raise TrustInvalidError(f"version {expected} of the trusted keys comes next")
    signatures = _signatures(signed.trust_sig)
    for judge in (trust,) if before is None else (before, trust):
        count = sum(
            key in signatures and holds(pem, signed.trust_json, signatures[key])
            for key, pem in judge.root_keys.items()
        )
        if count < judge.root_threshold:
            raise TrustInvalidError("too few of its roots signed this version")
    return trust


def _signatures(trust_sig: bytes) -> dict[str, bytes]:
    try:
        return {
            str(key): base64.b64decode(text, validate=True)
            for key, text in json.loads(trust_sig).items()
        }
    except (ValueError, TypeError, AttributeError, binascii.Error) as error:
        raise TrustInvalidError(f"trust.sig is damaged: {error}") from error
