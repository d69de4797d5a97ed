"""`kyndof keys`: the keys that sign access tokens."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any, Protocol

import typer

from cloud.interfaces.terminal.words import say

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKey:
    """One key, by the name that its tokens carry as ``kid``."""

    key_id: str
    made_at: datetime
    signs: bool


class TokenKeys(Protocol):
    """The keys, wherever they lie."""

    def listed(self) -> tuple[tuple[str, datetime], ...]:
        """Return name and beginning of each key, the one that signs first."""
        ...

    def rotate(self, *, retire: bool = False) -> str:
        """Make a new key that signs from now on and return its name."""
        ...


Run = Callable[[Awaitable[Any]], Any]
Show = Callable[[Any, str, bool], None]


def add_token_keys(app: typer.Typer, keys: Callable[[], TokenKeys], run: Run, show: Show) -> None:
    """Add the commands to ``app``; whoever owns the folder of keys may use them."""
    group = typer.Typer(no_args_is_help=True, help="Keys that sign access tokens.")
    app.add_typer(group, name="keys")

    async def standing() -> list[TokenKey]:
        return _standing(keys())

    async def rotated(retire: bool) -> list[TokenKey]:
        opened = keys()
        opened.rotate(retire=retire)
        return _standing(opened)

    @group.command("list")
    def list_keys(as_json: Json = False) -> None:
        """Show every key that is believed, the one that signs first."""
        found = run(standing())
        show([asdict(key) for key in found], _table(found), as_json)

    @group.command("rotate")
    def rotate(
        retire: Annotated[
            bool,
            typer.Option(help="Believe no earlier key any more: one got into wrong hands."),
        ] = False,
        as_json: Json = False,
    ) -> None:
        """Sign with a new key from now on; tokens of the earlier one live until they expire."""
        found = run(rotated(retire))
        sentence = say("KEYS_RETIRED" if retire else "KEYS_ROTATED", name=found[0].key_id)
        show([asdict(key) for key in found], f"{sentence}\n{_table(found)}", as_json)


def _standing(keys: TokenKeys) -> list[TokenKey]:
    return [
        TokenKey(key_id=name, made_at=made_at, signs=number == 0)
        for number, (name, made_at) in enumerate(keys.listed())
    ]


def _table(found: list[TokenKey]) -> str:
    return "\n".join(
        f"{key.key_id}  {key.made_at:%Y-%m-%d %H:%M:%S} UTC  {'*' if key.signs else ''}".rstrip()
        for key in found
    )
