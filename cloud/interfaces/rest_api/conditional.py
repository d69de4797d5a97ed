"""ETags of what was read, and edits that hold only for what the asker has seen."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from pydantic import TypeAdapter

from cloud.commands.command import Query
from cloud.commands.precondition import Precondition, PreconditionMissingError

#: The organization's newest event stands at the end of a view; it moves with every other thing.
_SEQUENCE = re.compile(rb',"sequence":\d+\}$')


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401  the class of an answer
    return TypeAdapter(kind)


def json_bytes(view: object) -> bytes:
    """Return ``view``, an answer of the bus, as JSON."""
    kind: Any = type(view)
    return _adapter(kind).dump_json(view)


def tag_of(content: bytes) -> str:
    """Return the strong ETag of a JSON text, the organization's sequence left aside."""
    return f'"{blake2b(_SEQUENCE.sub(b"}", content), digest_size=12).hexdigest()}"'


def tagged(
    view: object, request: Request, facts: Callable[[Any], object] | None = None
) -> Response:
    """Return ``view`` as JSON with its ETag; 304 without a body when the asker has it already.

    ``facts`` picks what an edit is about where the view also shows what moves by itself.
    """
    content = json_bytes(view)
    tag = tag_of(json_bytes(facts(view)) if facts else content)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    # A view with moving parts may differ under one tag: only an edit may rely on that tag.
    if facts is None and tag in tags_in(request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/json", headers=headers)


def tags_in(header: str) -> frozenset[str]:
    """Return the tags that a header lists; a weak mark is left aside."""
    return frozenset(part.strip().removeprefix("W/") for part in header.split(",") if part.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What the asker's If-Match says; ``is_needed``: this place takes no edit without one."""

    header: str
    is_needed: bool

    def of(
        self,
        query: Query,
        *,
        needed: bool = False,
        facts: Callable[[Any], object] | None = None,
    ) -> Precondition | None:
        """Return the precondition that the answer to ``query`` still has one of the tags.

        Raises:
            PreconditionMissingError: none was given where one is needed.
        """
        tags = tags_in(self.header)
        if not tags:
            if needed or self.is_needed:
                raise PreconditionMissingError("send If-Match with the ETag that was read")
            return None
        if "*" in tags:
            return None
        return Precondition(
            query=query,
            holds=lambda view: tag_of(json_bytes(facts(view) if facts else view)) in tags,
        )


async def expectation(
    request: Request,
    if_match: Annotated[
        str,
        Header(alias="If-Match", description="ETag of what was read; 412 when it has changed."),
    ] = "",
) -> Expectation:
    """Return what the asker expects; a dependency of edits."""
    needed = getattr(request.app.state, "if_match_needed", False)
    return Expectation(header=if_match, is_needed=bool(needed))


Expected = Annotated[Expectation, Depends(expectation)]
