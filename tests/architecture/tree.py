"""The checkout as the architecture tests see it."""

import functools
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


@functools.cache
def tracked() -> tuple[str, ...]:
    """Return the paths of all files that are, or would be, committed."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return tuple(sorted(name for name in set(listing.split("\0")) if (ROOT / name).is_file()))


@functools.cache
def text_of(name: str) -> str | None:
    """Return a file's text; None: it is a picture, a font or another binary."""
    content = (ROOT / name).read_bytes()
    if b"\0" in content[:8192]:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
