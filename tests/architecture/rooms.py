"""The rooms of the cloud, imported: their commands and their errors."""

import importlib
import importlib.util
import pkgutil
from dataclasses import is_dataclass
from functools import cache

import cloud
from cloud.commands.command import Command
from cloud.commands.errors import CommandError


@cache
def commands() -> tuple[type[Command], ...]:
    """Return every command of every room."""
    found: list[type[Command]] = []
    for room in pkgutil.iter_modules(cloud.__path__):
        name = f"cloud.{room.name}.commands"
        if room.ispkg and importlib.util.find_spec(name) is not None:
            found += [
                value
                for value in vars(importlib.import_module(name)).values()
                if isinstance(value, type)
                and issubclass(value, Command)
                and is_dataclass(value)
                and value.__module__ == name
            ]
    return tuple(found)


@cache
def refusals() -> tuple[type[CommandError], ...]:
    """Return every error that a command or a query may be refused with, wherever it is written."""
    for room in pkgutil.iter_modules(cloud.__path__):
        if room.ispkg and room.name not in {"composition", "infrastructure", "migrations"}:
            package = importlib.import_module(f"cloud.{room.name}")
            for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
                importlib.import_module(module.name)
    found: list[type[CommandError]] = []
    waiting = [CommandError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += kind.__subclasses__()
    return tuple(sorted(set(found), key=lambda kind: (kind.code, kind.__name__)))
