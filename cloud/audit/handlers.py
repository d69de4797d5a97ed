"""Sealing the audit chain, and questions about it."""

import json

from cloud.audit.chain import START, AuditRow, ChainBreak, ChainPoint, ChainWalk
from cloud.audit.commands import SealAuditChain
from cloud.audit.errors import AuditChainBrokenError
from cloud.audit.ports import AuditAnchors, AuditLog
from cloud.audit.queries import (
    AnchorAuditChain,
    AuditView,
    ChainReport,
    FindSealable,
    ListAudit,
    Sealable,
    VerifyAuditChain,
)
from cloud.commands.command import Command, Query, command_type
from cloud.commands.payload import payload_hash
from cloud.commands.ports import Handler, UnitOfWork

_LARGEST_PAGE_COUNT = 200


async def verify_audit_chain(query: VerifyAuditChain, unit: UnitOfWork) -> ChainReport:
    """Walk the chain from its seal and name the first row that does not hold.

    What holds is anchored: from then on a chain that was rewritten up to here, or cut, is found
    even when its head was rewritten too.
    """
    log, anchors = unit.store(AuditLog), unit.store(AuditAnchors)
    organization_id = unit.context.organization_id
    head_sequence, head_hash = await log.head()
    seal = await log.seal() or START
    known = [p for p in anchors.known(organization_id) if p.sequence > seal.sequence]
    walk, sealing = ChainWalk(seal, known), _sealing(seal)
    found = seal is START
    async for row, stored in log.rows(seal.sequence):
        if (broken := walk.step(row, stored)) is not None:
            return _report(walk, broken)
        found = found or _is_act(row, sealing)
    broken = walk.end(head_sequence, head_hash)
    if broken is None and not found:
        broken = ChainBreak(
            sequence=seal.sequence, reason="rows up to this one are gone without a sealing act"
        )
    if broken is None and walk.row_count:
        anchors.note(organization_id, walk.reached, unit.clock.now())
    return _report(walk, broken)


def _sealing(seal: ChainPoint) -> SealAuditChain:
    return SealAuditChain(through_number=seal.sequence, through_hash=seal.hash.hex())


def _is_act(row: AuditRow, command: SealAuditChain) -> bool:
    """Say whether ``row`` is the audited act of this very command."""
    return (
        row.action == command_type(SealAuditChain)
        and row.outcome == "done"
        and json.loads(row.metadata).get("payload_hash") == payload_hash(command)
    )


async def seal_audit_chain(command: SealAuditChain, unit: UnitOfWork) -> None:
    """Seal rows that hold; raises AuditChainBrokenError."""
    log = unit.store(AuditLog)
    seal = await log.seal() or START
    if command.through_number <= seal.sequence:
        return
    walk = ChainWalk(seal)
    async for row, stored in log.rows(seal.sequence):
        if (broken := walk.step(row, stored)) is not None:
            raise AuditChainBrokenError(
                f"row {broken.sequence} does not hold: {broken.reason}", number=broken.sequence
            )
        if row.sequence == command.through_number:
            break
    if walk.reached != ChainPoint(
        sequence=command.through_number, hash=bytes.fromhex(command.through_hash)
    ):
        raise AuditChainBrokenError("no such row with this hash", number=command.through_number)
    await log.add_seal(walk.reached, unit.clock.now())


async def anchor_audit_chain(query: AnchorAuditChain, unit: UnitOfWork) -> int:
    """Note where the chain ends now and return the number; 0 before the first row."""
    sequence, digest = await unit.store(AuditLog).head()
    if sequence:
        point = ChainPoint(sequence=sequence, hash=digest)
        unit.store(AuditAnchors).note(unit.context.organization_id, point, unit.clock.now())
    return sequence


async def find_sealable(query: FindSealable, unit: UnitOfWork) -> Sealable | None:
    """Return the last row before the moment, None when it is sealed or there is none."""
    log = unit.store(AuditLog)
    last, seal = await log.last_before(query.before), await log.seal() or START
    if last is None or last.sequence <= seal.sequence:
        return None
    return Sealable(number=last.sequence, hash=last.hash.hex())


async def list_audit(query: ListAudit, unit: UnitOfWork) -> tuple[AuditView, ...]:
    """Return the newest rows first."""
    limit = max(1, min(query.limit, _LARGEST_PAGE_COUNT))
    rows = await unit.store(AuditLog).recent(
        before=query.before, resource=query.resource, limit=limit
    )
    return tuple(_view(row) for row in rows)


def _report(walk: ChainWalk, broken: ChainBreak | None) -> ChainReport:
    return ChainReport(
        row_count=walk.row_count,
        holds=broken is None,
        broken_at=None if broken is None else broken.sequence,
        reason="" if broken is None else broken.reason,
    )


def _view(row: AuditRow) -> AuditView:
    return AuditView(
        sequence=row.sequence,
        at=row.at,
        user=row.user,
        source=row.source,
        action=row.action,
        resource=row.resource,
        outcome=row.outcome,
        trace_id=row.trace_id,
        metadata=row.metadata,
    )


COMMANDS: dict[type[Command], Handler] = {SealAuditChain: seal_audit_chain}
QUERIES: dict[type[Query], Handler] = {
    VerifyAuditChain: verify_audit_chain,
    AnchorAuditChain: anchor_audit_chain,
    FindSealable: find_sealable,
    ListAudit: list_audit,
}
