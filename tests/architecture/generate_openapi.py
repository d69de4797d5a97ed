"""Write what the cloud's REST interface says of itself, for the dashboard's types.

python -m tests.architecture.generate_openapi && python cloud/dashboard/build.py types
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cloud.composition.graph import graph_router
from cloud.composition.serving import rest_routers
from cloud.infrastructure.system_time import UlidFactory
from cloud.interfaces.rest_api.app import RestParts, build_app
from cloud.interfaces.webhooks import inbound
from cloud.settings import CloudSettings

if TYPE_CHECKING:
    from cloud.commands.bus import CommandBus
    from cloud.events.ports import LiveEvents
    from cloud.infrastructure.object_storage.picture_vault import ObjectPictureVault
    from cloud.interfaces.graph_api.door import Prove
    from cloud.interfaces.rest_api.access import Doorkeeper
    from cloud.interfaces.webhooks.ports import EndpointOwners

OPENAPI = Path(__file__).parents[2] / "cloud" / "dashboard" / "src" / "api" / "openapi.json"


def describe() -> str:
    """Return the OpenAPI document of all routes; nothing is opened and nobody is asked."""
    nobody = object()
    parts = RestParts(
        routers=[
            *rest_routers(
                CloudSettings(), cast("CommandBus", nobody), cast("ObjectPictureVault", nobody)
            ),
            inbound.router(cast("CommandBus", nobody), cast("EndpointOwners", nobody)),
            graph_router(
                CloudSettings(),
                cast("CommandBus", nobody),
                cast("LiveEvents", nobody),
                cast("Prove", nobody),
                cast("Prove", nobody),
            ),
        ],
        doorkeeper=cast("Doorkeeper", nobody),
        ids=UlidFactory(),
        readiness={},
        dashboard=Path("nowhere"),
    )
    return json.dumps(build_app(parts).openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    OPENAPI.write_text(describe(), "utf-8")
