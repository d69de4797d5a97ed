"""A secret goes in and comes out by one word; nothing else shows it."""

import copy
import json
import logging
import pickle
from dataclasses import asdict, dataclass

import pytest
from pydantic import TypeAdapter

from cloud.commands.command import Command
from cloud.commands.errors import PayloadInvalidError
from cloud.commands.payload import canonical, payload_hash
from cloud.commands.secret import Secret
from cloud.commands.typed import check, read

WORD = "열려라-sesame"
pytestmark = pytest.mark.requirement("ENC")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepWord(Command):
    domain = "credentials"
    name: str
    word: Secret


def test_it_is_revealed_by_that_word_alone() -> None:
    assert Secret(WORD).reveal() == WORD
    assert Secret(WORD) == Secret(WORD)
    assert Secret(WORD) != Secret("other")
    assert Secret(WORD) != WORD


def test_no_way_of_printing_shows_it(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(WORD)
    command = KeepWord(name="n", word=secret)
    logging.getLogger("x").warning("%s %r %s", secret, secret, command, extra={"given": secret})
    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret:>40}",
        "{0}".format(secret),  # noqa: UP030, UP032
        repr(command),
    ]
    assert not [text for text in [*shown, caplog.text] if WORD in text]


@pytest.mark.parametrize(
    "act",
    [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, vars, list, bytes, hash],
    ids=lambda act: act.__name__,
)
def test_it_is_neither_copied_nor_written_nor_taken_apart(act: object) -> None:
    with pytest.raises(TypeError):
        act(Secret(WORD))  # type: ignore[operator]


def test_a_command_that_holds_one_has_no_json_form() -> None:
    command = KeepWord(name="n", word=Secret(WORD))
    with pytest.raises(PayloadInvalidError, match="Secret"):
        canonical(command)
    with pytest.raises(TypeError):
        asdict(command)


def test_two_secrets_make_two_payload_hashes_and_the_same_one_the_same() -> None:
    hashes = [payload_hash(KeepWord(name="n", word=Secret(word))) for word in ("a", "b", "a")]
    assert hashes[0] == hashes[2] != hashes[1]


def test_text_from_a_border_is_read_as_a_secret() -> None:
    command = read(KeepWord, {"name": "n", "word": WORD})
    assert command.word.reveal() == WORD
    check(KeepWord, command)
    for wrong in ("", "x" * 65_537, 5, None, ["x"]):
        with pytest.raises(PayloadInvalidError) as refusal:
            read(KeepWord, {"name": "n", "word": wrong})
        assert refusal.value.details["field"] == "word"
    with pytest.raises(PayloadInvalidError):
        check(KeepWord, KeepWord(name="n", word=WORD))  # type: ignore[arg-type]


def test_the_catalogue_can_describe_it() -> None:
    adapter = TypeAdapter(KeepWord)
    schema = adapter.json_schema()["properties"]["word"]
    assert schema["type"] == "string"
    assert schema["writeOnly"]
    assert adapter.validate_python({"name": "n", "word": WORD}).word.reveal() == WORD


def test_it_has_no_kinds() -> None:
    with pytest.raises(TypeError):
        type("Loud", (Secret,), {})
