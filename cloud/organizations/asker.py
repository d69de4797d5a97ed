"""What a handler may know of how the asker came in, as the door wrote it down."""

from cloud.commands.ports import UnitOfWork
from cloud.organizations.commands import Noted, Proof
from cloud.organizations.errors import (
    NotSignedInError,
    OwnProofNeededError,
    PersonUnknownError,
    ScopeWidenedError,
    SessionNeededError,
    SignInRefusedError,
)
from cloud.organizations.person import Person
from cloud.organizations.ports import PersonStore


def noted(unit: UnitOfWork, what: Noted) -> str:
    """Return what the door wrote, or nothing."""
    return unit.context.metadata.get(what.value, "")


def session_proof(unit: UnitOfWork) -> str:
    """Return what opened the asker's web session.

    Raises:
        SessionNeededError: a key or a token asks.
    """
    proof = noted(unit, Noted.PROOF)
    if proof not in set(Proof) or not noted(unit, Noted.SESSION_ID).startswith("web_"):
        raise SessionNeededError("sign in at the dashboard for this")
    return proof


def own_proof(unit: UnitOfWork) -> str:
    """Return what opened the asker's web session, if it was the person and not a link.

    Raises:
        SessionNeededError: a key or a token asks.
        OwnProofNeededError: somebody else made the link that opened the session.
    """
    proof = session_proof(unit)
    if proof == Proof.LINK:
        raise OwnProofNeededError("sign in with your password first")
    return proof


def refuse_uncounted(unit: UnitOfWork) -> None:
    """Let nobody try a password except through a door that counts attempts.

    Raises:
        SignInRefusedError: this door counts nothing.
    """
    if not noted(unit, Noted.LIMITED):
        raise SignInRefusedError("a password is tried at the sign-in door alone")


def refuse_narrowed(unit: UnitOfWork) -> None:
    """Let no narrowed key or token make something that opens a session without its scopes.

    Raises:
        ScopeWidenedError: the asker is narrowed.
    """
    if unit.context.scopes is not None:
        raise ScopeWidenedError(
            "a narrowed key opens no way in", scopes=sorted(unit.context.scopes)
        )


async def active(login: str, unit: UnitOfWork) -> Person:
    """Return an active person.

    Raises:
        PersonUnknownError: there is none with this login.
    """
    person = await unit.store(PersonStore).by_login(login)
    if person is None:
        raise PersonUnknownError("no such person in this organization", login=login[:200])
    return person


async def asker(unit: UnitOfWork) -> Person:
    """Return who asks.

    Raises:
        NotSignedInError: the person is not active any more, or a machine asks.
    """
    person = await unit.store(PersonStore).by_login(unit.context.user)
    if person is None:
        raise NotSignedInError("this person is not active")
    return person
