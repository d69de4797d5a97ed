"""Questions about the audit chain."""

from cloud.audit.chain import AuditRow, ChainBreak, ChainWalk
from cloud.audit.ports import AuditLog
from cloud.audit.queries import AuditView, ChainReport, ListAudit, VerifyAuditChain
from cloud.commands.command import Command, Query
from cloud.commands.ports import Handler, UnitOfWork

_LARGEST_PAGE_COUNT = 200


async def verify_audit_chain(query: VerifyAuditChain, unit: UnitOfWork) -> ChainReport:
    """Walk the chain from its beginning and name the first row that does not hold."""
    log = unit.store(AuditLog)
    head_sequence, head_hash = await log.head()
    walk = ChainWalk()
    async for row, stored in log.rows():
        if (broken := walk.step(row, stored)) is not None:
            return _report(walk, broken)
    return _report(walk, walk.end(head_sequence, head_hash))


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


COMMANDS: dict[type[Command], Handler] = {}
QUERIES: dict[type[Query], Handler] = {
    VerifyAuditChain: verify_audit_chain,
    ListAudit: list_audit,
}
