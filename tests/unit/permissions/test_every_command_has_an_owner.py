"""Every command of every room is answered for by a matrix that ships, or by the machines' table."""

import importlib
import importlib.util
import json
import pkgutil
from dataclasses import is_dataclass
from pathlib import Path

import pytest

import cloud
from cloud.commands.command import Command, command_type
from cloud.infrastructure.registry_files.org_files import read_matrix
from cloud.permissions.commands import ApproveRequest, ModifyRequest, RejectRequest, UndoApproval
from cloud.permissions.machine_rights import OWN_RIGHTS, STATION_RIGHTS, SYSTEM_RIGHTS
from cloud.permissions.rabsic import Letter

# Their right lies in the action that waits: its Accountable decides.
DECIDED_BY_THE_ACTION = {ApproveRequest, RejectRequest, ModifyRequest, UndoApproval}


def commands() -> list[type[Command]]:
    found: list[type[Command]] = []
    for room in pkgutil.iter_modules(cloud.__path__):
        name = f"cloud.{room.name}.commands"
        if room.ispkg and importlib.util.find_spec(name) is not None:
            module = importlib.import_module(name)
            found += [
                value
                for value in vars(module).values()
                if isinstance(value, type)
                and issubclass(value, Command)
                and is_dataclass(value)
                and value.__module__ == name
            ]
    return found


@pytest.mark.requirement("RAB")
def test_every_command_is_answered_for() -> None:
    schema = json.loads(Path("registry/schemas/org.schema.json").read_text(encoding="utf-8"))
    accountable = {
        (matrix.domain, entry.action)
        for file in Path("registry/org").glob("*.yml")
        for matrix in [read_matrix(file.name, file.read_text(encoding="utf-8"), schema)]
        for role in matrix.roles
        for entry in role.entries
        if Letter.ACCOUNTABLE in entry.letters
    }
    machines = {*STATION_RIGHTS, *SYSTEM_RIGHTS, *OWN_RIGHTS}
    orphans = [
        command_type(kind)
        for kind in commands()
        if kind not in DECIDED_BY_THE_ACTION
        and (kind.domain, command_type(kind)) not in accountable
        and command_type(kind) not in machines
    ]
    assert not orphans


@pytest.mark.requirement("BUS")
def test_every_command_type_is_unique() -> None:
    names = [command_type(kind) for kind in commands()]
    assert sorted(names) == sorted(set(names))
