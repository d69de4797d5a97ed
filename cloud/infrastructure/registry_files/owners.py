"""Who may manage an organization's people, as its matrix says."""

from dataclasses import dataclass
from typing import Protocol

from cloud.permissions.decision import case_of
from cloud.permissions.rabsic import Letter, Matrix


class MatrixSource(Protocol):
    """The matrices in use."""

    def matrix(self, organization_id: str, domain: str) -> Matrix | None:
        """Return the domain's matrix."""
        ...


@dataclass(frozen=True, slots=True)
class RegistryOwners:
    """The Accountable for removing a member."""

    matrices: MatrixSource

    def owners(self, organization_id: str) -> frozenset[str]:
        """Return their logins; empty when nobody is named."""
        matrix = self.matrices.matrix(organization_id, "organizations")
        if matrix is None:
            return frozenset()
        return case_of(matrix, "remove_member", {}).holders(Letter.ACCOUNTABLE)
