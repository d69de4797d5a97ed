"""What stands on labels: the text of a code, and lines for people."""

from cloud.production.errors import LabelUnknownError

KINDS = {"piece": "P", "step": "S", "work_order": "W", "badge": "B", "station": "T"}


def code_text(kind: str, organization_id: str, identifier: str) -> str:
    """Return ``KY1:<kind>:<organization>:<ULID>``, capitals only.

    ``kind`` is one of ``KINDS``; ``identifier`` is a prefixed identifier or a bare ULID.

    Raises:
        LabelUnknownError: no such kind.
    """
    letter = KINDS.get(kind)
    if letter is None:
        raise LabelUnknownError(f"no label for {kind}", kind=kind)
    organization = organization_id.rpartition("_")[2]
    return f"KY1:{letter}:{organization}:{identifier.rpartition('_')[2]}".upper()
