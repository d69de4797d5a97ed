"""What is wrong with registry files, so that a page can say why the last good version serves."""

from fastapi import APIRouter

from cloud.commands.bus import CommandBus
from cloud.interfaces.rest_api.access import Asker
from cloud.interfaces.rest_api.pages import Paged
from cloud.permissions.queries import ListPlugins, PluginView, RegistryProblem, RegistryProblems


def router(bus: CommandBus) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["registry"])

    @routes.get("/registry/problems")
    async def problems(context: Asker, turn: Paged) -> list[RegistryProblem]:
        """Return the files that are not in use as they lie there, with line and reason."""
        found = await bus.ask(RegistryProblems(), context)
        return turn.page(found, lambda p: f"{p.file}:{p.line}:{p.code}:{p.reason}")

    @routes.get("/registry/plugins")
    async def plugins(context: Asker, turn: Paged, *, kind: str = "") -> list[PluginView]:
        """Return the plug-ins that are in use now."""
        return turn.page(await bus.ask(ListPlugins(kind=kind), context), lambda one: one.file)

    return routes
