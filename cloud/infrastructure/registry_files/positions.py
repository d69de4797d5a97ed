"""Who holds a letter, by the matrices in use."""

from cloud.permissions.ports import Matrices
from cloud.permissions.rabsic import Letter


class MatrixPositions:
    """Looks positions up in the organization's matrices."""

    def __init__(self, matrices: Matrices) -> None:
        self._matrices = matrices

    def holders(
        self, organization_id: str, domain: str, action: str, letter: str
    ) -> tuple[str, ...]:
        """Return the logins, whatever the conditions of the entries."""
        matrix = self._matrices.matrix(organization_id, domain)
        if matrix is None:
            return ()
        found = {
            login
            for role, entry in matrix.entries(action)
            if Letter(letter) in entry.letters
            for login in role.holders
        }
        return tuple(sorted(found))
