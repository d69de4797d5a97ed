"""Plain JSON data, its one text, and the way back."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest

from cloud.commands.command import Command
from cloud.commands.errors import PayloadInvalidError
from cloud.commands.payload import canonical, payload_hash, plain
from cloud.commands.typed import check, read


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    size_mm: float
    colour: Colour = Colour.RED


@dataclass(frozen=True, slots=True, kw_only=True)
class SewAll(Command):
    domain = "production"
    piece_id: str
    buttons: tuple[Button, ...]
    at: datetime
    picture: bytes
    note: str | None = None
    sizes: dict[str, int] | None = None


SEOUL = timezone(timedelta(hours=9))
COMMAND = SewAll(
    piece_id="pc_1",
    buttons=(Button(size_mm=11.5),),
    at=datetime(2026, 3, 2, 18, 0, tzinfo=SEOUL),
    picture=b"\x00\xff",
    sizes={"b": 2, "a": 1},
)


@pytest.mark.requirement("BUS")
def test_the_canonical_text_is_one_text() -> None:
    assert canonical(COMMAND) == (
        '{"at":"2026-03-02T09:00:00.000000+00:00","buttons":[{"colour":"red","size_mm":11.5}],'
        '"note":null,"picture":"AP8=","piece_id":"pc_1","sizes":{"a":1,"b":2}}'
    )


@pytest.mark.requirement("BUS")
def test_reading_is_the_way_back() -> None:
    back = read(SewAll, plain(COMMAND))
    assert back == COMMAND
    assert payload_hash(back) == payload_hash(COMMAND)


@pytest.mark.requirement("BUS")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"piece_id": 3}, "piece_id"),
        ({"buttons": [{"size_mm": "큰"}]}, "buttons.0.size_mm"),
        ({"buttons": [{"size_mm": True}]}, "buttons.0.size_mm"),
        ({"buttons": [{"size_mm": 1.0, "colour": "blue"}]}, "buttons.0.colour"),
        ({"at": "yesterday"}, "at"),
        ({"at": "2026-03-02T09:00:00"}, "at"),
        ({"picture": "no base64!"}, "picture"),
        ({"sizes": {"a": "one"}}, "sizes.a"),
        ({"sleeves": 2}, "sleeves"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(PayloadInvalidError) as refusal:
        read(SewAll, plain(COMMAND) | change)
    assert refusal.value.details["field"] == field


@pytest.mark.requirement("BUS")
def test_a_missing_field_is_named() -> None:
    with pytest.raises(PayloadInvalidError, match="picture: missing"):
        read(SewAll, {key: value for key, value in plain(COMMAND).items() if key != "picture"})


@pytest.mark.requirement("BUS")
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_number_is_not_a_number(value: float) -> None:
    with pytest.raises(PayloadInvalidError):
        check(Button, Button(size_mm=value))
    with pytest.raises(PayloadInvalidError):
        canonical(value)


@pytest.mark.requirement("BUS")
def test_the_hash_covers_the_type() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class SewNone(Command):
        piece_id: str

    @dataclass(frozen=True, slots=True, kw_only=True)
    class SewOne(Command):
        piece_id: str

    assert payload_hash(SewNone(piece_id="p")) != payload_hash(SewOne(piece_id="p"))
