"""The codes on badges, labels and cards: ``KY1:<kind>:<organization>:<ULID>``."""

import re
from dataclasses import dataclass
from typing import Literal, cast

CodeKind = Literal["P", "S", "W", "B", "T", "C"]

_CODE = re.compile(r"KY1:([PSWBTC]):([0-9A-HJKMNP-TV-Z]{26}):([0-9A-HJKMNP-TV-Z]{26})")
_SHORT = re.compile(r"[0-9A-Z]{6}")
_PREFIX: dict[CodeKind, str] = {"P": "pc_", "S": "stp_", "W": "wo_", "B": "", "T": "sta_", "C": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorCode:
    """One readable code."""

    kind: CodeKind
    organization: str
    ulid: str

    @property
    def id(self) -> str:
        """Return the identifier of what the code names; a badge's is the bare ULID."""
        return _PREFIX[self.kind] + self.ulid


def parse_code(text: str) -> FloorCode | None:
    """Return the code, or None where the text is not one of ours."""
    match = _CODE.fullmatch(text.strip().upper())
    if match is None:
        return None
    kind = cast("CodeKind", match.group(1))
    return FloorCode(kind=kind, organization=match.group(2), ulid=match.group(3))


def short_code(text: str) -> str | None:
    """Return the six characters that people type, in capitals, or None."""
    typed = text.strip().upper()
    return typed if _SHORT.fullmatch(typed) else None


def same_organization(code: FloorCode, organization_id: str) -> bool:
    """Say whether a code was printed by this organization (``org_<ULID>``)."""
    return code.organization == organization_id.removeprefix("org_").upper()
