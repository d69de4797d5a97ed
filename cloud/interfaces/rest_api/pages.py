"""Pages of lists: a cursor that says where the page before ended, and a Link to the next."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Query, Request, Response

from cloud.commands.errors import CommandError

LARGEST_COUNT = 500
Item = TypeVar("Item")


class CursorInvalidError(CommandError):
    """The cursor is none that a page of this list gave."""

    code = "CURSOR_INVALID"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Which page is asked for, and the answer that names the next one."""

    cursor: str
    limit: int
    request: Request
    response: Response

    def page(
        self, items: Sequence[Item], key: Callable[[Item], str], *, is_sorted: bool = False
    ) -> list[Item]:
        """Return the items after the cursor, ``limit`` at most, and announce the next page.

        ``key`` is unique and orders the list; with ``is_sorted`` the list's own order stays and
        the key only says where the page before ended.

        Raises:
            CursorInvalidError: no page of this list ended there.
        """
        ordered = list(items) if is_sorted else sorted(items, key=key)
        start = self._start([key(item) for item in ordered], is_sorted=is_sorted)
        found = ordered[start : start + self.limit]
        if found and start + self.limit < len(ordered):
            self.announce(key(found[-1]))
        return found

    def announce(self, last: str) -> None:
        """Tell the asker where the next page begins."""
        link_to_next(self.request, self.response, written(last), limit=self.limit)

    @property
    def after(self) -> str:
        """Return where the page before ended; "" for the first.

        Raises:
            CursorInvalidError: the cursor was not made here.
        """
        return read(self.cursor)

    def _start(self, keys: list[str], *, is_sorted: bool) -> int:
        after = self.after
        if not after:
            return 0
        if not is_sorted:
            # What the cursor names may be gone by now; the order still says where to go on.
            return sum(key <= after for key in keys)
        if after not in keys:
            raise CursorInvalidError("no page of this list ended there")
        return keys.index(after) + 1


def link_to_next(request: Request, response: Response, cursor: str, **more: object) -> None:
    """Name the next page in the headers; relative, so that it holds behind any proxy."""
    following = request.url.include_query_params(cursor=cursor, **more)
    response.headers["X-Next-Cursor"] = cursor
    response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'


def written(key: str) -> str:
    """Return a cursor that no client should read."""
    return base64.urlsafe_b64encode(json.dumps([key]).encode()).decode().rstrip("=")


def read(cursor: str) -> str:
    """Return what ``written`` hid; "" for no cursor.

    Raises:
        CursorInvalidError: the cursor was not made here.
    """
    if not cursor:
        return ""
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError) as error:
        raise CursorInvalidError("the cursor cannot be read") from error
    if not (isinstance(found, list) and len(found) == 1 and isinstance(found[0], str)):
        raise CursorInvalidError("the cursor cannot be read")
    return str(found[0])


def turn(
    request: Request,
    response: Response,
    cursor: Annotated[str, Query(max_length=2000, description="From Link or X-Next-Cursor.")] = "",
    limit: Annotated[int, Query(ge=1, le=LARGEST_COUNT)] = 200,
) -> Turn:
    """Return which page is asked for; a dependency of lists."""
    return Turn(cursor=cursor, limit=limit, request=request, response=response)


Paged = Annotated[Turn, Depends(turn)]
