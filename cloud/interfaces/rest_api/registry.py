"""What is wrong with registry files, so that a page can say why the last good version serves."""

from fastapi import APIRouter

from cloud.commands.bus import CommandBus
from cloud.interfaces.rest_api.access import Asker
from cloud.permissions.queries import RegistryProblem, RegistryProblems


def router(bus: CommandBus) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["registry"])

    @routes.get("/registry/problems")
    async def problems(context: Asker) -> list[RegistryProblem]:
        """Return the files that are not in use as they lie there, with line and reason."""
        return list(await bus.ask(RegistryProblems(), context))

    return routes
