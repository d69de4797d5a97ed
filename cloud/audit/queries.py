"""What can be asked of the audit chain."""

from dataclasses import dataclass
from datetime import datetime

from cloud.commands.command import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyAuditChain(Query):
    """Check every row of the organization's chain."""

    restricted = True
    domain = "audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReport:
    """What the check found; ``broken_at`` is the first sequence that does not hold, or None."""

    row_count: int
    holds: bool
    broken_at: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorAuditChain(Query):
    """Note the chain's end outside the database, without walking the chain."""

    restricted = True
    domain = "audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class FindSealable(Query):
    """Which rows recorded before a moment are not sealed yet."""

    restricted = True
    domain = "audit"

    before: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealable:
    """The last row to seal, by number and hash in hex."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAudit(Query):
    """The newest acts and refusals before the sequence ``before``, of one resource or of all."""

    restricted = True
    domain = "audit"

    before: int | None = None
    resource: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditView:
    """One act or refusal as people see it; ``metadata`` is JSON text."""

    sequence: int
    at: datetime
    user: str
    source: str
    action: str
    resource: str
    outcome: str
    trace_id: str
    metadata: str
