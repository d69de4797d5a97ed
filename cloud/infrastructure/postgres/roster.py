"""The roster of a work package: who is here, and where the matrices let them work."""

from collections.abc import Callable
from typing import Protocol

import asyncpg

from cloud.events.ports import Clock
from cloud.infrastructure.postgres.floor_store import PostgresRoster
from cloud.permissions.ports import Matrices
from cloud.permissions.roster import stages_of, supervises
from cloud.production.roster import PackagePerson

DOMAIN = "production"


class _Store(Protocol):
    async def people(self, stages: tuple[str, ...]) -> tuple[PackagePerson, ...]: ...


class MatrixRoster:
    """Badge holders, each with the stages at which the matrices let him or her finish a step."""

    def __init__(
        self, people: _Store, organization_id: str, matrices: Matrices, clock: Clock
    ) -> None:
        self._people = people
        self._organization_id = organization_id
        self._matrices = matrices
        self._clock = clock

    async def people(self, stages: tuple[str, ...]) -> tuple[PackagePerson, ...]:
        """Return badge holders with those of ``stages`` that they may work at."""
        matrix = self._matrices.matrix(self._organization_id, DOMAIN)
        now = self._clock.now()
        return tuple(
            PackagePerson(
                login=person.login,
                name_ko=person.name_ko,
                name_en=person.name_en,
                badge=person.badge,
                stages=stages_of(person.login, stages, matrix, now),
                supervises=supervises(person.login, matrix, now),
            )
            for person in await self._people.people(stages)
        )


def roster_store(
    matrices: Matrices, clock: Clock
) -> Callable[[asyncpg.Connection, str], MatrixRoster]:
    """Return the maker of the roster's store."""

    def make(connection: asyncpg.Connection, organization_id: str) -> MatrixRoster:
        return MatrixRoster(
            PostgresRoster(connection, organization_id), organization_id, matrices, clock
        )

    return make
