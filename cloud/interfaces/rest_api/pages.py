"""Pages of lists: a cursor that says where the page before ended, and a Link to the next."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Query, Request, Response

from cloud.commands.errors import CommandError
from cloud.commands.typed import is_storable

LARGEST_COUNT = 500
LARGEST_SEQUENCE = 2**63 - 1
Item = TypeVar("Item")
_LONGEST_NUMBER = 19


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

    def begun(self, found: Sequence[Item], key: Callable[[Item], str]) -> list[Item]:
        """Return ``limit`` of what was read from the cursor on, and announce the next page.

        ``found`` holds one more item than fits where there is a next page: ask for ``one_more``.
        """
        if len(found) > self.limit:
            self.announce(key(found[self.limit - 1]))
        return list(found[: self.limit])

    @property
    def one_more(self) -> int:
        """Return how many items to read, so that ``begun`` knows whether there is a next page."""
        return self.limit + 1

    def announce(self, last: str) -> str:
        """Tell the asker where the next page begins, and return the cursor."""
        cursor = written(last)
        following = self.request.url.include_query_params(cursor=cursor, limit=self.limit)
        # Relative, so that it holds behind any proxy.
        self.response.headers["X-Next-Cursor"] = cursor
        self.response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
        return cursor

    @property
    def after(self) -> str:
        """Return where the page before ended; "" for the first.

        Raises:
            CursorInvalidError: the cursor was not made here.
        """
        return read(self.cursor)

    @property
    def after_number(self) -> int:
        """Return where the page before ended in a list that is counted from 1; 0 for the first.

        Raises:
            CursorInvalidError: the cursor was not made here.
        """
        after = self.after or "0"
        if not (after.isascii() and after.isdigit() and len(after) < _LONGEST_NUMBER):
            raise CursorInvalidError("the cursor cannot be read")
        return int(after)

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
    is_one = isinstance(found, list) and len(found) == 1 and isinstance(found[0], str)
    if not (is_one and is_storable(found[0])):
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
