"""Whom this station believes about bundles, and what may be installed here.

A version of the trusted keys is signed by the roots of the version before; the first one is pinned
when it comes over the channel that enrolment pinned. Versions rise one by one. What has expired
blocks new installs and never what runs: a bundle that decides is known by its digest alone.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from edge.model_bundles.errors import (
    BundleExpiredError,
    BundleSignatureError,
    BundleSignerRetiredError,
    BundleSignersTooFewError,
    TrustExpiredError,
    TrustFrozenError,
    TrustInvalidError,
    TrustMissingError,
)
from edge.model_bundles.terms import Terms

Holds = Callable[[str, bytes, bytes], bool]
"""Says whether a signature over data belongs to a PEM public key: (key, data, signature)."""
_MOST_KEYS = 32


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
    root_keys: Mapping[str, str]
    root_threshold: int
    release_keys: tuple[ReleaseKey, ...]
    threshold: int
    timestamp_keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timestamp:
    """The cloud's word on which version is the newest, believed until it expires."""

    trust_version: int
    issued_at: datetime
    expires_at: datetime


def read_trust(content: bytes) -> Trust:
    """Read a version of the trusted keys; who signed it is not looked at.

    Raises:
        TrustInvalidError: damaged, or a threshold that cannot be met.
    """
    try:
        trust = _trust(json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise TrustInvalidError(f"damaged: {error}") from error
    keys = {key.key_id for key in trust.release_keys}
    if trust.version < 1 or not 1 <= trust.root_threshold <= len(trust.root_keys) <= _MOST_KEYS:
        raise TrustInvalidError("no usable version or roots")
    if len(keys) != len(trust.release_keys) or not 1 <= trust.threshold <= len(keys) <= _MOST_KEYS:
        raise TrustInvalidError("too few release keys, or one named twice")
    return trust


def _trust(data: Mapping[str, object]) -> Trust:
    roots, keys = data["root_keys"], data["release_keys"]
    stamps = data.get("timestamp_keys", [])
    if not isinstance(roots, list) or not isinstance(keys, list) or not isinstance(stamps, list):
        raise TypeError("keys are lists")
    return Trust(
        version=_whole(data["version"]),
        expires_at=_moment(data["expires_at"]),
        root_keys={str(key["key_id"]): str(key["public_key_pem"]) for key in roots},
        root_threshold=_whole(data["root_threshold"]),
        release_keys=tuple(
            ReleaseKey(
                key_id=str(key["key_id"]),
                public_key_pem=str(key["public_key_pem"]),
                not_after=_moment(key["not_after"]),
            )
            for key in keys
        ),
        threshold=_whole(data["threshold"]),
        timestamp_keys={str(key["key_id"]): str(key["public_key_pem"]) for key in stamps},
    )


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not a whole number")
    return value


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return moment


def follow(before: Trust | None, content: bytes, signatures: bytes, holds: Holds) -> Trust:
    """Return the version in ``content`` when it follows ``before``.

    Raises:
        TrustInvalidError: it is damaged, skips or repeats a version, or too few roots signed it:
            those of the version before and, where the roots changed, the new ones too.
    """
    trust, given = read_trust(content), _signatures(signatures)
    if before is not None and trust.version != before.version + 1:
        raise TrustInvalidError(f"version {before.version + 1} comes next, this is {trust.version}")
    for judge in (trust,) if before is None else (before, trust):
        count = sum(
            key in given and holds(pem, content, given[key]) for key, pem in judge.root_keys.items()
        )
        if count < judge.root_threshold:
            raise TrustInvalidError(f"{count} of {judge.root_threshold} roots signed it")
    return trust


def _signatures(content: bytes) -> dict[str, bytes]:
    try:
        given = json.loads(content).items()
        return {str(key): base64.b64decode(text, validate=True) for key, text in given}
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError) as error:
        raise TrustInvalidError(f"its signatures are damaged: {error}") from error


def read_timestamp(content: bytes) -> Timestamp:
    """Read a timestamp; who signed it is not looked at.

    Raises:
        TrustInvalidError: damaged.
    """
    try:
        data = json.loads(content)
        return Timestamp(
            trust_version=_whole(data["trust_version"]),
            issued_at=_moment(data["issued_at"]),
            expires_at=_moment(data["expires_at"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise TrustInvalidError(f"the timestamp is damaged: {error}") from error


def renew_timestamp(
    trust: Trust, before: Timestamp | None, content: bytes, signatures: bytes, holds: Holds
) -> Timestamp:
    """Return the timestamp in ``content`` when it may take the place of ``before``.

    Raises:
        TrustInvalidError: it is damaged, no timestamp key signed it, or it is an older one again.
    """
    stamp, given = read_timestamp(content), _signatures(signatures)
    if not any(
        key in given and holds(pem, content, given[key])
        for key, pem in trust.timestamp_keys.items()
    ):
        raise TrustInvalidError("no timestamp key signed the timestamp")
    if before is not None and (
        stamp.issued_at < before.issued_at or stamp.trust_version < before.trust_version
    ):
        raise TrustInvalidError("the timestamp is older than the one that was seen")
    return stamp


def check_fresh(trust: Trust, stamp: Timestamp | None, now: datetime) -> None:
    """Refuse to install by keys that may have been followed by others long ago.

    Raises:
        TrustFrozenError: nobody has vouched lately that these are the newest keys, or they are not.
    """
    if not trust.timestamp_keys:
        return
    if stamp is None:
        raise TrustFrozenError("nobody has said that the trusted keys are the newest")
    if now >= stamp.expires_at:
        raise TrustFrozenError("the last word that the trusted keys are the newest has expired")
    if stamp.trust_version > trust.version:
        raise TrustFrozenError(f"version {stamp.trust_version} of the trusted keys is held back")


def check_install(
    trust: Trust | None, bundle: str, terms: Terms, signers: frozenset[str], now: datetime
) -> None:
    """Refuse what may not be installed now; what runs already is not asked.

    Args:
        trust: the newest version known here.
        bundle: its name, for the sentence.
        terms: what its signed manifest says.
        signers: ids of the release keys whose signatures hold over all its files.
        now: the present moment.

    Raises:
        TrustMissingError: nobody is trusted yet.
        TrustExpiredError: the trusted keys are too old to install by.
        BundleSignatureError: none of the release keys signed it.
        BundleSignerRetiredError: only keys did whose time is over.
        BundleSignersTooFewError: fewer keys did than are asked for.
        BundleExpiredError: the bundle's own time to be installed is over.
    """
    if trust is None:
        raise TrustMissingError
    if now >= trust.expires_at:
        raise TrustExpiredError(trust.version)
    known = {key.key_id: key for key in trust.release_keys if key.key_id in signers}
    if not known:
        raise BundleSignatureError(bundle, "none of the trusted keys signed it")
    good = [key for key in known.values() if now < key.not_after]
    if not good:
        raise BundleSignerRetiredError(bundle, sorted(known)[0])
    if len(good) < trust.threshold:
        raise BundleSignersTooFewError(bundle, len(good), trust.threshold)
    if terms.expires_at is not None and now >= terms.expires_at:
        raise BundleExpiredError(bundle)
