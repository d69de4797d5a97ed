"""Asks what a key or a token was made for, before anybody asks what its person may do."""

from dataclasses import dataclass

from cloud.commands.command import Command, Query, command_type
from cloud.commands.ports import Authorizer, Permission, UnitOfWork
from cloud.organizations.errors import ScopeMissingError
from cloud.organizations.scope import covers


@dataclass(frozen=True, slots=True)
class ScopedAuthorizer:
    """Refuses what the context's scopes do not cover; ``rights`` judges the rest."""

    rights: Authorizer

    async def decide(self, command: Command | Query, unit: UnitOfWork) -> Permission:
        """Say whether the context's user may do or ask this.

        Raises:
            ScopeMissingError: the key or token does not cover it.
        """
        if not covers(unit.context.scopes, command):
            action = command_type(type(command))
            raise ScopeMissingError(f"the key does not cover {action}", scope=action)
        return await self.rights.decide(command, unit)
