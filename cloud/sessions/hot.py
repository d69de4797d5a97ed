"""The quick way: a session in use is restored without asking the database."""

from dataclasses import dataclass

from cloud.commands.command import CommandContext
from cloud.sessions.commands import AppendToSession
from cloud.sessions.ports import ActivePersons, HotSessions
from cloud.sessions.queries import Appended, RestoredSession, RestoreSession


@dataclass(frozen=True, slots=True)
class HotWay:
    """Answers from the hot tier and keeps it true after each append of this process."""

    hot: HotSessions
    persons: ActivePersons

    async def restored(
        self, query: RestoreSession, context: CommandContext
    ) -> RestoredSession | None:
        """Return the owner's session; None sends the question the long way.

        The same is asked as there: an active member of the organization, and the owner.
        """
        if context.scopes is not None:
            # What a key was made for is judged the long way.
            return None
        copy = await self.hot.get(context.organization_id, query.session_id)
        if copy is None or copy.session.owner != context.user:
            return None
        if not await self.persons.is_active(context.organization_id, context.user):
            return None
        return copy

    async def settled(
        self, command: AppendToSession, context: CommandContext, result: Appended
    ) -> None:
        """Take over what was committed."""
        await self.hot.appended(context.organization_id, result)
