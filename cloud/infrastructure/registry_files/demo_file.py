"""Loads the demo's work orders: ``standards/demo.yml`` of the registry, sent through the bus."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cloud.commands.bus import CommandBus
from cloud.commands.command import CommandContext, Source
from cloud.commands.errors import CommandError
from cloud.infrastructure.registry_files.document import (
    RegistryFileError,
    check_schema,
    read_document,
)

# The demo was loaded by an earlier version whose file said something else.
_LOADED_BEFORE = frozenset({"IDEMPOTENCY_CONFLICT", "WORK_ORDER_NUMBER_TAKEN"})

_PATH = "standards/demo.yml"
_TEXT = {"type": "string"}
_SCHEMA = {
    "type": "object",
    "required": ["organization_id", "commands"],
    "properties": {
        "organization_id": _TEXT,
        "commands": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["user", "idempotency_key", "type", "payload"],
                "properties": {
                    "user": _TEXT,
                    "idempotency_key": _TEXT,
                    "type": _TEXT,
                    "payload": {"type": "object"},
                },
            },
        },
    },
}


async def load_demo_orders(bus: CommandBus, registry: Path) -> int:
    """Send the demo's commands and return how many were carried out; safe at every start.

    The demo's organization and persons must be there.

    Raises:
        RegistryFileError: the file is no list of commands, or a command was refused for another
            reason than that it was done before.
    """
    done_count = 0
    for entry, line, organization_id in _entries(registry):
        context = CommandContext(
            organization_id=organization_id,
            user=entry["user"],
            source=Source.SYSTEM,
            idempotency_key=entry["idempotency_key"],
        )
        try:
            await bus.send(bus.command(entry["type"], entry["payload"]), context)
            done_count += 1
        except CommandError as refusal:
            if refusal.code not in _LOADED_BEFORE:
                reason = f"{refusal.code}: {refusal.message}"
                raise RegistryFileError(_PATH, line, "REGISTRY_INVALID", reason) from refusal
    return done_count


def _entries(registry: Path) -> Iterator[tuple[dict[str, Any], int, str]]:
    """Yield each command as it stands there, its line, and the organization that it is for."""
    try:
        document = read_document(_PATH, (registry / _PATH).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RegistryFileError(_PATH, 1, "REGISTRY_INVALID", str(error)) from error
    check_schema(document, _SCHEMA)
    for index, entry in enumerate(document.data["commands"]):
        yield entry, document.line(("commands", index)), document.data["organization_id"]
