"""Secrets that must come back letter by letter: sealed with AES-256-GCM under a key of this home.

The place where a sealed secret lies is sealed with it: moved to another row or organization it
does not open.
"""

import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
_KEY_BYTES = 32


class SealBrokenError(Exception):
    """A sealed secret does not open: another key, another place, or changed bytes."""

    code = "SEAL_BROKEN"


class SecretSeal:
    """Seals and opens under one key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def of_folder(cls, folder: Path) -> "SecretSeal":
        """Return the seal whose key lies in ``folder``; the first one to ask makes it, 0600."""
        file = folder / "secrets.key"
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f".secrets.{secrets.token_hex(8)}"
        if not file.exists():
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as written:
                written.write(AESGCM.generate_key(_KEY_BYTES * 8))
            try:
                # A link, not a rename: whoever comes second keeps the first one's key.
                file.hardlink_to(fresh)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return cls(file.read_bytes())

    def sealed(self, secret: str, place: str) -> bytes:
        """Return ``secret`` sealed for ``place``."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), place.encode())

    def opened(self, sealed: bytes, place: str) -> str:
        """Return the secret that was sealed for ``place``.

        Raises:
            SealBrokenError: it does not open.
        """
        nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, text, place.encode()).decode()
        except InvalidTag:
            raise SealBrokenError("a sealed secret does not open") from None

    def random(self, count: int) -> bytes:
        """Return ``count`` random bytes."""
        return secrets.token_bytes(count)
