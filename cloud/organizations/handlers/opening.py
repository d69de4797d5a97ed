"""Opens a web session, whatever proved the person."""

from datetime import timedelta

from cloud.commands.ports import UnitOfWork
from cloud.organizations.asker import noted
from cloud.organizations.commands import Noted
from cloud.organizations.events import SignedIn
from cloud.organizations.person import Person, new_secret, secret_hash
from cloud.organizations.ports import NewSession, SecretStore
from cloud.organizations.queries import SessionOpened

LONGEST_SESSION_H = 24 * 90
_LONGEST_AGENT = 200


async def open_session(
    person: Person, proof: str, session_h: float, unit: UnitOfWork
) -> SessionOpened:
    """Keep a new session and return its secret, told once; ``session_h`` in hours."""
    now, session = unit.clock.now(), new_secret()
    expires_at = now + timedelta(hours=min(max(session_h, 0.0), LONGEST_SESSION_H))
    await unit.store(SecretStore).open_session(
        NewSession(
            web_session_id=unit.ids.new("web"),
            session_hash=secret_hash(session),
            login=person.login,
            proof=str(proof),
            user_agent=noted(unit, Noted.USER_AGENT)[:_LONGEST_AGENT],
            created_at=now,
            expires_at=expires_at,
        )
    )
    unit.record(SignedIn(login=person.login))
    return SessionOpened(session=session, login=person.login, expires_at=expires_at)
