"""Loads the demo's work orders: ``standards/demo.yml`` of the registry, sent through the bus."""

from pathlib import Path

import yaml

from cloud.commands.bus import CommandBus
from cloud.commands.command import CommandContext, Source
from cloud.commands.errors import CommandError

# The demo was loaded by an earlier version whose file said something else.
_LOADED_BEFORE = frozenset({"IDEMPOTENCY_CONFLICT", "WORK_ORDER_NUMBER_TAKEN"})


async def load_demo_orders(bus: CommandBus, registry: Path) -> int:
    """Send the demo's commands and return how many were carried out; safe at every start.

    The demo's organization and persons must be there.

    Raises:
        CommandError: a command was refused for another reason than that it was done before.
    """
    document = yaml.safe_load((registry / "standards" / "demo.yml").read_text(encoding="utf-8"))
    done_count = 0
    for entry in document["commands"]:
        context = CommandContext(
            organization_id=document["organization_id"],
            user=entry["user"],
            source=Source.SYSTEM,
            idempotency_key=entry["idempotency_key"],
        )
        try:
            await bus.send(bus.command(entry["type"], entry["payload"]), context)
            done_count += 1
        except CommandError as refusal:
            if refusal.code not in _LOADED_BEFORE:
                raise
    return done_count
