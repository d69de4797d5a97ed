"""What happened to credentials; no event holds a secret."""

from dataclasses import dataclass

from cloud.events.event import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialStored(DomainEvent):
    """A secret is kept."""

    credential_id: str
    name: str
    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialReplaced(DomainEvent):
    """Another secret has taken its place: whoever holds the old one reads it again."""

    credential_id: str
    name: str
    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRemoved(DomainEvent):
    """A secret is forgotten."""

    credential_id: str
    name: str
    field: str
