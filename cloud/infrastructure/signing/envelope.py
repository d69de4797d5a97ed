"""Sealed secrets: AES-256-GCM under a key of its own for each secret, wrapped by a named key.

Both layers are bound to organization, credential and field: an envelope that was moved does not
open. Layout: ``KYE1``, nonce and wrapped key (12 + 48 bytes), nonce and ciphertext (12 + n + 16).
"""

import base64
import binascii
import os
import re
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloud.commands.payload import canonical
from cloud.commands.secret import Secret
from cloud.credentials.credential import SealedSecret, SecretPlace
from cloud.credentials.errors import (
    CredentialDamagedError,
    CredentialKeysInvalidError,
    CredentialKeysMissingError,
    CredentialKeyUnknownError,
)

SETTING = "KYNDOF_CREDENTIAL_KEYS"
_MAGIC = b"KYE1"
_NONCE_COUNT = 12
_KEY_COUNT = 32
_WRAPPED_COUNT = _KEY_COUNT + 16
_KEY_ID = re.compile(r"[a-z0-9-]{1,32}")


class KeyRing:
    """The keys by name; the first one seals, all of them open.

    ``read`` gives their text, ``NAME:BASE64`` separated by white space. It is read again when a
    name is not known: a key that was added to the file needs no restart.
    """

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read
        self._text = ""
        self._keys: dict[str, AESGCM] = {}

    def current(self) -> tuple[str, AESGCM]:
        """Return the key that seals, as the text names it now.

        Raises:
            CredentialKeysMissingError: none is set.
            CredentialKeysInvalidError: the text cannot be read.
        """
        self._refresh()
        return next(iter(self._keys.items()))

    def named(self, key_id: str) -> AESGCM:
        """Return the key of this name.

        Raises:
            CredentialKeyUnknownError: no key has this name, after reading again too.
            CredentialKeysMissingError: none is set.
            CredentialKeysInvalidError: the text cannot be read.
        """
        if key_id not in self._keys:
            self._refresh()
        found = self._keys.get(key_id)
        if found is None:
            raise CredentialKeyUnknownError(
                f"the key {key_id} is not in {SETTING}; add it again", key_id=key_id
            )
        return found

    def _refresh(self) -> None:
        try:
            text = self._read()
        except (OSError, UnicodeDecodeError) as error:
            raise CredentialKeysInvalidError(f"{SETTING}_FILE: {error}", setting=SETTING) from error
        if not text.strip():
            raise CredentialKeysMissingError(
                f"no key is set to seal secrets with: set {SETTING} or {SETTING}_FILE "
                "(`kyndof credentials new-key` makes one)",
                setting=SETTING,
            )
        if text != self._text:
            self._keys = _keys(text)
            self._text = text


def _keys(text: str) -> dict[str, AESGCM]:
    keys: dict[str, AESGCM] = {}
    for number, word in enumerate(text.split(), 1):
        key_id, _, coded = word.partition(":")
        try:
            key = base64.b64decode(coded, validate=True)
        except binascii.Error:
            key = b""
        if not _KEY_ID.fullmatch(key_id) or len(key) != _KEY_COUNT or key_id in keys:
            # What was given is not repeated: it is a key.
            raise CredentialKeysInvalidError(
                f"{SETTING}: entry {number} is not NAME:BASE64 of {_KEY_COUNT} bytes under a name "
                "of its own",
                setting=SETTING,
            )
        keys[key_id] = AESGCM(key)
    return keys


def new_key(name: str) -> str:
    """Return a fresh entry for the ring.

    Raises:
        CredentialKeysInvalidError: no key can have this name.
    """
    if not _KEY_ID.fullmatch(name):
        raise CredentialKeysInvalidError(
            "a key's name has 1 to 32 small letters, digits and dashes", setting=SETTING
        )
    return f"{name}:{base64.b64encode(AESGCM.generate_key(256)).decode()}"


class EnvelopeSealer:
    """Seals and opens with the keys of a ring."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def current_key(self) -> str:
        """Return the name of the key that seals; raises CredentialKeysMissingError."""
        return self._ring.current()[0]

    def seal(self, place: SecretPlace, secret: Secret) -> SealedSecret:
        """Seal with the current key; raises CredentialKeysMissingError."""
        key_id, wrapping = self._ring.current()
        bound = _bound(place, key_id)
        own = AESGCM.generate_key(256)
        nonces = os.urandom(_NONCE_COUNT), os.urandom(_NONCE_COUNT)
        wrapped = wrapping.encrypt(nonces[0], own, bound)
        text = AESGCM(own).encrypt(nonces[1], secret.reveal().encode(), bound)
        envelope = b"".join((_MAGIC, nonces[0], wrapped, nonces[1], text))
        return SealedSecret(key_id=key_id, envelope=envelope)

    def open(self, place: SecretPlace, sealed: SealedSecret) -> Secret:
        """Open; raises CredentialKeyUnknownError or CredentialDamagedError."""
        wrapping, bound = self._ring.named(sealed.key_id), _bound(place, sealed.key_id)
        rest = sealed.envelope.removeprefix(_MAGIC)
        first, wrapped, rest = (
            rest[:_NONCE_COUNT],
            rest[_NONCE_COUNT : _NONCE_COUNT + _WRAPPED_COUNT],
            rest[_NONCE_COUNT + _WRAPPED_COUNT :],
        )
        try:
            own = wrapping.decrypt(first, wrapped, bound)
            text = AESGCM(own).decrypt(rest[:_NONCE_COUNT], rest[_NONCE_COUNT:], bound)
            return Secret(text.decode())
        except (InvalidTag, ValueError):
            # Without the cause: a traceback must not carry what was being opened.
            raise CredentialDamagedError(
                "a sealed secret does not open where it lies: it was changed or moved",
                credential_id=place.credential_id,
                key_id=sealed.key_id,
            ) from None


def _bound(place: SecretPlace, key_id: str) -> bytes:
    words = [place.organization_id, place.credential_id, place.field, key_id]
    return canonical(words).encode()
