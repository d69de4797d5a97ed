"""What a digest says: how many of each kind, and the newest few by name."""

import json
from functools import cache
from pathlib import Path

from cloud.notifications.queries import DigestView, NotificationView


def digest_message(digest: DigestView, language: str) -> str:
    """Return the message of ``digest`` in ``ko`` or ``en``, a line each."""
    say = notices(language)
    kinds = ", ".join(
        say["digest_kind"].format(title=_title(one.kind, say), count=one.count)
        for one in digest.kinds
    )
    lines = [say["digest_title"].format(count=digest.count), kinds]
    lines += [_line(one, say) for one in digest.newest]
    rest = digest.count - sum(1 + one.repeats for one in digest.newest)
    if rest > 0:
        lines.append(say["digest_more"].format(count=rest))
    return "\n".join(lines)


def _line(told: NotificationView, say: dict[str, str]) -> str:
    about = " · ".join(told.details.values()) or told.subject
    return say["digest_line"].format(title=_title(told.kind, say), about=about)


def _title(kind: str, say: dict[str, str]) -> str:
    return say.get(kind, say["notice"])


@cache
def notices(language: str) -> dict[str, str]:
    """Return the titles of notifications in ``ko`` or ``en``."""
    path = Path(__file__).parent / "texts" / "notices" / f"{language}.json"
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return found
