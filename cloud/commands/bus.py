"""The command bus: every mutation of every interface, and every question, goes through here."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, get_type_hints

from cloud.commands.acting import ActingUnit
from cloud.commands.command import Command, CommandContext, Query, command_type
from cloud.commands.errors import CommandUnknownError, ForbiddenError
from cloud.commands.middleware import (
    Act,
    BusPorts,
    Registration,
    Unchanged,
    chained,
    entry_of,
    stack,
)
from cloud.commands.payload import payload_hash
from cloud.commands.ports import Handler, Permission, UnitOfWork
from cloud.commands.precondition import Precondition
from cloud.commands.typed import check, read

_log = logging.getLogger("kyndof.commands")
#: Answers a question without a transaction, or gives None and leaves it to the handler.
Quick = Callable[[Any, CommandContext], Awaitable[Any]]
#: Hears of a command that was committed, with its answer.
Settled = Callable[[Any, CommandContext, Any], Awaitable[None]]


class CommandBus:
    """Sends commands to their handlers and questions to theirs.

    Types are registered once, at composition; ``catalogue`` lists them.
    """

    def __init__(self, ports: BusPorts) -> None:
        self._ports = ports
        self._commands: dict[str, Registration] = {}
        self._queries: dict[type[Query], Handler] = {}
        self._quick: dict[type[Query], Quick] = {}
        self._settled: dict[type[Command], Settled] = {}
        self._send = chained((*stack(ports), Unchanged(self._queries)), _handle)

    def register(self, kind: type[Command], handler: Handler) -> None:
        """Let ``handler`` answer commands of ``kind``.

        Raises:
            ValueError: the type is taken, or the handler does not say what it answers.
        """
        name = command_type(kind)
        if name in self._commands:
            raise ValueError(f"the command type {name} is registered twice")
        if not kind.domain:
            raise ValueError(f"the command {name} names no domain")
        hints = get_type_hints(handler)
        if "return" not in hints:
            raise ValueError(f"the handler of {name} does not say what it returns")
        self._commands[name] = Registration(kind=kind, handler=handler, result=hints["return"])

    def register_query(self, kind: type[Query], handler: Handler) -> None:
        """Let ``handler`` answer questions of ``kind``.

        Raises:
            ValueError: the type is registered already.
        """
        if kind in self._queries:
            raise ValueError(f"the query {command_type(kind)} is registered twice")
        self._queries[kind] = handler

    def answer_quickly(self, kind: type[Query], quick: Quick) -> None:
        """Let ``quick`` try questions of ``kind`` first; it judges the asker's right itself."""
        self._quick[kind] = quick

    def when_settled(self, kind: type[Command], settled: Settled) -> None:
        """Let ``settled`` hear of each command of ``kind`` after its commit.

        It serves what may be lost, a copy to keep fresh; what may not is an event.
        """
        self._settled[kind] = settled

    def catalogue(self) -> tuple[type[Command], ...]:
        """Return every registered command, by type."""
        return tuple(self._commands[name].kind for name in sorted(self._commands))

    def questions(self) -> tuple[type[Query], ...]:
        """Return every registered query, by type."""
        return tuple(sorted(self._queries, key=command_type))

    def command(self, name: str, payload: Any) -> Command:  # noqa: ANN401  plain JSON data
        """Read ``payload`` as the command of type ``name``.

        Raises:
            CommandUnknownError: no such type.
            PayloadInvalidError: the payload does not fit it.
        """
        registration = self._commands.get(name)
        if registration is None:
            raise CommandUnknownError(f"no command is called {name}", type=name)
        command: Command = read(registration.kind, payload)
        return command

    async def send(
        self,
        command: Command,
        context: CommandContext,
        precondition: Precondition | None = None,
    ) -> Any:  # noqa: ANN401
        """Carry out ``command``, if ``precondition`` still holds, and return the handler's answer.

        Raises:
            CommandError: refused; ``code`` says why. A refusal is audited.
        """
        result = await self._send(
            Act(
                command=command,
                context=context,
                registration=self._registration(command),
                precondition=precondition,
            )
        )
        settled = self._settled.get(type(command))
        if settled is not None:
            try:
                await settled(command, context, result)
            except Exception:  # noqa: BLE001  the act is committed, come what may
                _log.exception("after %s", command_type(type(command)))
        return result

    def question(self, name: str, payload: Any) -> Query:  # noqa: ANN401  plain JSON data
        """Read ``payload`` as the query of type ``name``.

        Raises:
            CommandUnknownError: no such type.
            PayloadInvalidError: the payload does not fit it.
        """
        for kind in self._queries:
            if command_type(kind) == name:
                query: Query = read(kind, payload)
                return query
        raise CommandUnknownError(f"no question is called {name}", type=name)

    async def ask(self, query: Query, context: CommandContext) -> Any:  # noqa: ANN401
        """Answer ``query`` inside a read-only transaction.

        Raises:
            CommandError: refused or not found.
        """
        handler = self._queries.get(type(query))
        if handler is None:
            name = command_type(type(query))
            raise CommandUnknownError(f"no question is called {name}", type=name)
        check(type(query), query)
        quick = self._quick.get(type(query))
        if quick is not None and (answer := await quick(query, context)) is not None:
            return answer
        async with self._ports.transactions.read(context) as unit:
            permission = await self._ports.authorizer.decide(query, unit)
            if not permission.allowed:
                raise ForbiddenError(permission.reason, reason=permission.reason)
            return await handler(query, unit)

    async def run_approved(
        self, command: Command, requester: CommandContext, approved_by: str, unit: UnitOfWork
    ) -> Any:  # noqa: ANN401
        """Carry out a held command inside the approver's transaction, as its requester.

        Rights are judged again now; the approval that was given stands for the gate. Executed
        and approved commit together or not at all, which is what makes it once.

        Raises:
            ForbiddenError: the requester has lost the right.
            CommandError: the state does not allow it any more.
        """
        acting = ActingUnit(unit, replace(requester, trace_id=unit.context.trace_id))
        act = Act(
            command=command,
            context=acting.context,
            registration=self._registration(command),
            unit=acting,
            digest=payload_hash(command),
        )
        check(act.registration.kind, command)
        act.permission = await self._ports.authorizer.decide(command, acting)
        if not act.permission.allowed:
            raise ForbiddenError(act.permission.reason, reason=act.permission.reason)
        if act.permission.approval_needed and not approved_by:
            raise ForbiddenError("an approval is needed by now, and nobody gave it")
        result = await _handle(act)
        if act.permission.informed:
            self._ports.circle.tell(command, act.permission, acting)
        entry = entry_of(act, "done", approved_by=approved_by)
        await self._ports.audit.append(entry, acting)
        return result

    async def permission(self, command: Command, context: CommandContext) -> Permission:
        """Say whether this would be allowed, without doing it."""
        async with self._ports.transactions.read(context) as unit:
            return await self._ports.authorizer.decide(command, unit)

    def _registration(self, command: Command) -> Registration:
        name = command_type(type(command))
        registration = self._commands.get(name)
        if registration is None or registration.kind is not type(command):
            raise CommandUnknownError(f"no command is called {name}", type=name)
        return registration


async def _handle(act: Act) -> Any:  # noqa: ANN401
    return await act.registration.handler(act.command, act.opened)
