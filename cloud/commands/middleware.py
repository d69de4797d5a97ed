"""What happens to every command, one concern each; ``stack`` is the order.

Each stage takes the act and ``proceed``, the rest of the way. Before and after that call it does
its one thing. In time the order is: trace, log, validate, unit of work, RABSIC, idempotency,
approval gate, those to ask, handler, those to tell, audit, commit.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from cloud.commands.command import Command, CommandContext, Query, command_type
from cloud.commands.errors import (
    ApprovalPendingError,
    CommandError,
    ForbiddenError,
    IdempotencyConflictError,
    NotFoundError,
    PayloadInvalidError,
)
from cloud.commands.lanes import Lanes
from cloud.commands.payload import canonical, payload_hash, plain
from cloud.commands.ports import (
    ApprovalGate,
    AuditEntry,
    AuditTrail,
    Authorizer,
    Circle,
    Handler,
    IdempotencyStore,
    Permission,
    ResourceLocks,
    Transactions,
    UnitOfWork,
)
from cloud.commands.precondition import Precondition, StateChangedError
from cloud.commands.typed import check, field_types, is_storable, read
from cloud.events.ports import Clock, IdFactory

_log = logging.getLogger("kyndof.commands")
LONGEST_KEY = 200
_LONGEST_AUDITED_TEXT_COUNT = 300
_AUDITED_WORDS = (
    "reason", "amount", "verdict", "stage", "decision", "number", "name", "login", "taker",
    "action", "digest", "count",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A command's type with its handler and what the handler answers."""

    kind: type[Command]
    handler: Handler
    result: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The command waits for the approval with this identifier."""

    approval_id: str


@dataclass(slots=True, kw_only=True)
class Act:
    """One command on its way through the stages, which fill in what they learn."""

    command: Command
    context: CommandContext
    registration: Registration
    unit: UnitOfWork | None = None
    permission: Permission | None = None
    digest: str = ""
    precondition: Precondition | None = None

    @property
    def action(self) -> str:
        """Return the command's type."""
        return command_type(self.registration.kind)

    @property
    def opened(self) -> UnitOfWork:
        """Return the unit of work.

        Raises:
            RuntimeError: the stages are stacked in the wrong order.
        """
        if self.unit is None:
            raise RuntimeError("the unit of work is not open yet")
        return self.unit


Proceed = Callable[[Act], Awaitable[Any]]


class Stage(Protocol):
    """One concern around the rest of the way."""

    async def __call__(self, act: Act, proceed: Proceed) -> Any:  # noqa: ANN401
        """Do its part before and after ``proceed``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BusPorts:
    """What the bus needs of features and infrastructure."""

    transactions: Transactions
    authorizer: Authorizer
    idempotency: IdempotencyStore
    approvals: ApprovalGate
    audit: AuditTrail
    clock: Clock
    ids: IdFactory
    circle: Circle


def stack(ports: BusPorts) -> tuple[Stage, ...]:
    """Return the stages in their fixed order, outermost first."""
    return (
        Trace(ports.ids),
        Log(ports.clock),
        Validate(),
        InLane(Lanes()),
        AuditRefusal(ports.transactions, ports.audit),
        OpenUnitOfWork(ports.transactions),
        Rabsic(ports.authorizer),
        Idempotency(ports.idempotency),
        Audit(ports.audit),
        Gate(ports.approvals),
        Inform(ports.circle),
    )


def chained(stages: Sequence[Stage], last: Proceed) -> Proceed:
    """Return one callable that walks ``stages`` and ends at ``last``."""
    proceed = last
    for stage in reversed(stages):
        proceed = _around(stage, proceed)
    return proceed


def _around(stage: Stage, proceed: Proceed) -> Proceed:
    async def step(act: Act) -> Any:  # noqa: ANN401
        return await stage(act, proceed)

    return step


@dataclass(frozen=True, slots=True)
class Trace:
    """Gives the act a trace identifier when its door did not."""

    ids: IdFactory

    async def __call__(self, act: Act, proceed: Proceed) -> Any:  # noqa: ANN401
        """Fill in ``trace_id``."""
        if not act.context.trace_id:
            act.context = replace(act.context, trace_id=self.ids.new("trace"))
        return await proceed(act)


@dataclass(frozen=True, slots=True)
class Log:
    """Writes one line per command: type, outcome, duration; never its fields."""

    clock: Clock

    async def __call__(self, act: Act, proceed: Proceed) -> Any:  # noqa: ANN401
        """Measure and tell."""
        begun = self.clock.now()
        outcome = "failed"
        try:
            result = await proceed(act)
            outcome = "done"
        except CommandError as error:
            outcome = error.code
            raise
        finally:
            elapsed_ms = (self.clock.now() - begun).total_seconds() * 1000
            _log.info(
                "command %s %s",
                act.action,
                outcome,
                extra={
                    "event_type": act.action,
                    "success": outcome == "done",
                    "outcome": outcome,
                    "duration_ms": round(elapsed_ms, 3),
                    "trace_id": act.context.trace_id,
                    "session_id": act.context.session,
                    "organization_id": act.context.organization_id,
                    "source": act.context.source.value,
                },
            )
        return result


def _check_key(key: str | None) -> None:
    if key is not None and not (0 < len(key) <= LONGEST_KEY and is_storable(key)):
        raise PayloadInvalidError(
            f"an idempotency key has 1 to {LONGEST_KEY} characters", field="idempotency_key"
        )


@dataclass(frozen=True, slots=True)
class Validate:
    """Refuses fields of the wrong type and what the command's own ``check`` refuses."""

    async def __call__(self, act: Act, proceed: Proceed) -> Any:  # noqa: ANN401
        """Check, then hash the payload."""
        check(act.registration.kind, act.command)
        _check_key(act.context.idempotency_key)
        own_check = getattr(act.command, "check", None)
        if own_check is not None:
            try:
                own_check()
            except ValueError as error:
                raise PayloadInvalidError(str(error)) from error
        act.digest = payload_hash(act.command)
        return await proceed(act)


@dataclass(frozen=True, slots=True)
class InLane:
    """Lets commands with the same ``lane`` go one after the other, in the order they came."""

    lanes: Lanes

    async def __call__(self, act: Act, proceed: Proceed) -> Any:  # noqa: ANN401
        """Wait for the turn."""
        lane = getattr(act.command, "lane", None)
        if not lane:
            return await proceed(act)
        async with self.lanes.turn(act.context.organization_id, lane):
            return await proceed(act)


@dataclass(frozen=True, slots=True)
class AuditRefusal:
    """Writes a refusal in a transaction of its own, because the act's is rolled back."""

    transactions: Transactions
    audit: AuditTrail

    async def __call__(self, act: Act, proceed: Proceed) -> Any:  # noqa: ANN401
        """Audit what was refused and pass the refusal on."""
        try:
            return await proceed(act)
        except ApprovalPendingError:
            raise
        except CommandError as error:
            if act.registration.kind.founds_organization:
                raise
            async with self.transactions.begin(act.context) as unit:
                await self.audit.append(
                    entry_of(act, "refused", code=error.code, why=error.message), unit
                )
            raise


@dataclass(frozen=True, slots=True)
class OpenUnitOfWork:
    """Opens the transaction with the organization set; commits when all went well."""

    transactions: Transactions

    async def __call__(self, act: Act, proceed: Proceed) -> Any:  # noqa: ANN401
        """Run the rest inside. A held command is committed as held, then told to the asker."""
        async with self.transactions.begin(act.context) as unit:
            act.unit = unit
            result = await proceed(act)
        act.unit = None
        if isinstance(result, Held):
            raise ApprovalPendingError(
                "the act waits for an approval", approval_id=result.approval_id
            )
        return result


@dataclass(frozen=True, slots=True)
class Rabsic:
    """Asks who may do this."""

    authorizer: Authorizer

    async def __call__(self, act: Act, proceed: Proceed) -> Any:  # noqa: ANN401
        """Refuse with the reason, or note the permission."""
        act.permission = await self.authorizer.decide(act.command, act.opened)
        if not act.permission.allowed:
            raise ForbiddenError(
                act.permission.reason, action=act.action, reason=act.permission.reason
            )
        return await proceed(act)


@dataclass(frozen=True, slots=True)
class Idempotency:
    """Answers a repeated key with the first answer; refuses it with another payload."""

    store: IdempotencyStore

    async def __call__(self, act: Act, proceed: Proceed) -> Any:  # noqa: ANN401
        """Claim the key, run, keep the answer; or replay."""
        key = act.context.idempotency_key
        if key is None:
            return await proceed(act)
        stored = await self.store.claim(key, act.digest, act.opened)
        if stored is None:
            result = await proceed(act)
            await self.store.keep(key, _kept(result, act.registration.kind), act.opened)
            return result
        if stored.payload_hash != act.digest:
            raise IdempotencyConflictError(
                "this idempotency key was used with another payload", idempotency_key=key
            )
        return _replayed(stored.result, act.registration)


def _kept(result: object, kind: type[Command]) -> dict[str, Any]:
    if isinstance(result, Held):
        return {"held": result.approval_id}
    if kind.secret_answer:
        return {"secret": True}
    return {"result": plain(result)}


def _replayed(kept: dict[str, Any], registration: Registration) -> Any:  # noqa: ANN401
    if "held" in kept:
        return Held(approval_id=kept["held"])
    if "secret" in kept:
        raise IdempotencyConflictError("this was done before; its answer is told only once")
    return read(registration.result, kept["result"])


@dataclass(frozen=True, slots=True)
class Audit:
    """Appends the act to the organization's chain, in the act's own transaction."""

    trail: AuditTrail

    async def __call__(self, act: Act, proceed: Proceed) -> Any:  # noqa: ANN401
        """Write after the rest has succeeded."""
        result = await proceed(act)
        if isinstance(result, Held):
            entry = entry_of(act, "held", approval_id=result.approval_id)
        else:
            entry = entry_of(act, "done")
        await self.trail.append(entry, act.opened)
        return result


@dataclass(frozen=True, slots=True)
class Gate:
    """Keeps a command that needs an approval, or advice first, instead of running it."""

    approvals: ApprovalGate

    async def __call__(self, act: Act, proceed: Proceed) -> Any:  # noqa: ANN401
        """Hold or go on. No permission at this point means hold nothing and run nothing."""
        if act.permission is None:
            raise ForbiddenError("nobody has decided on this act", action=act.action)
        permission = act.permission
        if permission.approval_needed or (permission.consulted and permission.consultation_s):
            approval_id = await self.approvals.hold(act.command, act.permission, act.opened)
            return Held(approval_id=approval_id)
        return await proceed(act)


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The last stage before the handler: asks again and refuses when the answer has changed.

    Conditional commands about the same thing wait for one another, so of two that saw the same
    state one is refused.
    """

    questions: Mapping[type[Query], Handler]

    async def __call__(self, act: Act, proceed: Proceed) -> Any:  # noqa: ANN401
        """Check, then go on."""
        wanted = act.precondition
        if wanted is not None:
            kind = type(wanted.query)
            await act.opened.store(ResourceLocks).take(
                canonical({command_type(kind): wanted.query})
            )
            try:
                seen = await self.questions[kind](wanted.query, act.opened)
            except NotFoundError:
                # The handler has the better words for what is not there.
                return await proceed(act)
            if not wanted.holds(seen):
                raise StateChangedError("it has been changed since it was read")
        return await proceed(act)


@dataclass(frozen=True, slots=True)
class Inform:
    """Lets the Consulted be asked before the act and the Informed be told after it."""

    circle: Circle

    async def __call__(self, act: Act, proceed: Proceed) -> Any:  # noqa: ANN401
        """Ask, run, tell; both are recorded in the act's own transaction."""
        if act.permission is not None and act.permission.consulted:
            self.circle.ask(act.command, act.permission, act.opened)
        result = await proceed(act)
        if act.permission is not None and act.permission.informed:
            self.circle.tell(act.command, act.permission, act.opened)
        return result


def entry_of(act: Act, outcome: str, **more: str) -> AuditEntry:
    """Return the audit entry of ``act``: identifiers, amounts and reasons, never whole payloads."""
    named: dict[str, Any] = {}
    for name in field_types(act.registration.kind):
        value = getattr(act.command, name, None)
        told = name.endswith("_id") or any(word in name for word in _AUDITED_WORDS)
        if told and isinstance(value, str | int | bool):
            named[name] = value[:_LONGEST_AUDITED_TEXT_COUNT] if isinstance(value, str) else value
    resource = next((str(value) for name, value in named.items() if name.endswith("_id")), "")
    metadata: dict[str, Any] = {"payload_hash": act.digest, "fields": named, **more}
    if act.permission is not None:
        metadata["letter"] = act.permission.letter
        if act.permission.on_behalf_of:
            metadata["on_behalf_of"] = act.permission.on_behalf_of
    return AuditEntry(action=act.action, resource=resource, outcome=outcome, metadata=metadata)
