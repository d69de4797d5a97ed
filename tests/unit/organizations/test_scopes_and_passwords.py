"""Which passwords and scopes are taken, and what no log may hold."""

import asyncio
import unicodedata

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from cloud.commands.payload import payload_hash
from cloud.infrastructure.signing.passwords import Argon2Passwords
from cloud.organizations.commands import ChangePassword, RemoveMember, SignInWithPassword
from cloud.organizations.device_login import new_user_code, plain_user_code
from cloud.organizations.errors import LoginInvalidError, PasswordWeakError
from cloud.organizations.password import check_new, is_possible, plain_password
from cloud.organizations.person import plain_login
from cloud.organizations.queries import ListApiKeys, ListPersons
from cloud.organizations.scope import covers
from cloud.permissions.machine_rights import is_machine, machine_right

pytestmark = pytest.mark.requirement("IAM")
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def test_length_counts_and_what_anybody_tries_first_does_not() -> None:
    for weak in (
        "",
        "short",
        "1234567890",
        "aaaaaaaaaaaaaa",
        "password12",
        "x" * 129,
        "worker!!!!",
    ):
        with pytest.raises(PasswordWeakError):
            check_new(weak, "worker@demo.example")
    assert check_new("바느질은 천천히 42", "worker@demo.example")


def test_hangul_is_the_same_however_a_keyboard_composes_it() -> None:
    typed = unicodedata.normalize("NFD", "바느질은 천천히")
    assert plain_password(typed) == plain_password("바느질은 천천히")


async def test_nobody_s_password_never_fits_and_a_right_one_does() -> None:
    passwords = Argon2Passwords(CHEAP)
    stored = await passwords.hash("right")
    assert (await passwords.verify(stored, "right")).fits
    for made, tried in ((stored, "wrong"), (None, ""), (None, "right"), ("no hash", "right")):
        assert not (await passwords.verify(made, tried)).fits
    older = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1).hash("right")
    found = await passwords.verify(older, "right")
    assert found.fits
    assert found.renewed is not None
    many = await asyncio.gather(*(passwords.verify(stored, "right") for _ in range(20)))
    assert all(one.fits for one in many)


def test_a_password_changes_no_hash_and_stands_in_no_representation() -> None:
    one = SignInWithPassword(session_h=1.0, password="one")  # noqa: S106  nobody's
    two = SignInWithPassword(session_h=1.0, password="two")  # noqa: S106  nobody's
    assert payload_hash(one) == payload_hash(two)
    change = ChangePassword(current_password="old-secret", new_password="new-secret")  # noqa: S106
    assert "secret" not in repr(change)


def test_a_scope_covers_its_act_its_domain_or_plain_reading() -> None:
    act = RemoveMember(login="a@b", reason="r")
    assert covers(None, act)
    assert covers(frozenset({"remove_member"}), act)
    assert covers(frozenset({"organizations.*"}), act)
    assert not covers(frozenset({"read", "production.*"}), act)
    assert covers(frozenset({"read"}), ListPersons())
    assert not covers(frozenset({"read"}), ListApiKeys())
    assert not covers(frozenset(), ListPersons())


@given(st.text(max_size=300))
def test_no_login_is_taken_for_a_machine(text: str) -> None:
    try:
        login = plain_login(text)
    except LoginInvalidError:
        return
    assert not is_machine(login)
    assert machine_right(login, "record_station_events") is None
    assert login.isascii()
    assert plain_login(login) == login


def test_a_shown_code_is_read_however_it_is_typed() -> None:
    for _ in range(50):
        shown = new_user_code()
        assert plain_user_code(shown.lower().replace("-", " ")) == shown.replace("-", "")
    for other in ("", "한글한글한글한글", "AEIO-UAEI", "BCDF-GHJ", "x" * 500):
        assert plain_user_code(other) is None


def test_an_endless_password_is_not_worth_hashing() -> None:
    assert is_possible("x" * 128)
    assert not is_possible("x" * 100_000)
    assert not is_possible("")
