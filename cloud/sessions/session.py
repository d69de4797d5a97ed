"""What a conversation is, and what it takes."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

#: How long after its last use a session stays in the hot tier.
HOT_FOR = timedelta(hours=1)
#: How many of the newest entries a restored session brings along; older ones are read by page.
RESTORED_ENTRIES_COUNT = 200
LONGEST_TEXT_COUNT = 32_000
MOST_METADATA_COUNT = 32
LONGEST_METADATA_COUNT = 500


class Role(StrEnum):
    """Who speaks: a person, an agent, or the program."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"


class SessionState(StrEnum):
    """An ended session is read, not written."""

    ACTIVE = "active"
    ENDED = "ended"


def text_problem(text: str) -> str | None:
    """Return what is wrong with an entry's text; None when it is well."""
    if not text.strip():
        return "an entry says something"
    if len(text) > LONGEST_TEXT_COUNT:
        return f"an entry has at most {LONGEST_TEXT_COUNT} characters"
    return None


def metadata_problem(metadata: Mapping[str, str]) -> str | None:
    """Return what is wrong with a session's metadata; None when it is well."""
    if len(metadata) > MOST_METADATA_COUNT:
        return f"a session has at most {MOST_METADATA_COUNT} metadata"
    for name, value in metadata.items():
        if not name or len(name) > LONGEST_METADATA_COUNT or len(value) > LONGEST_METADATA_COUNT:
            return f"name and value of metadata have at most {LONGEST_METADATA_COUNT} characters"
    return None
