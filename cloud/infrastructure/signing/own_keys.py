"""The key that an installation of one machine makes for itself, in its home.

It serves until an operator sets keys. An installation that is not started by `kyndof up` has none:
there the first secret says which setting is missing.
"""

import os
import secrets
from pathlib import Path

from cloud.infrastructure.signing.envelope import new_key


def _file(home: Path) -> Path:
    return home / "keys" / "credential-keys"


def read_own_keys(home: Path) -> str:
    """Return the text of the home's own keys, empty when there are none."""
    try:
        return _file(home).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def make_own_keys(home: Path) -> None:
    """Make a key, readable for its owner alone, unless there is one; the first one made stays."""
    file = _file(home)
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as written:
            written.write(new_key("own-1") + "\n")
            written.flush()
            os.fsync(written.fileno())
        # A link, not a rename: whoever comes second keeps the first one's key.
        file.hardlink_to(fresh)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
