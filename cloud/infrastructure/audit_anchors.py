"""Anchors of the audit chains in a folder: one file per organization, lines of JSON, appended."""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cloud.audit.chain import ChainPoint

_ORGANIZATION = re.compile(r"org_[0-9A-HJKMNP-TV-Z]{26}")


class FolderAuditAnchors:
    """Keeps anchors as lines; best in a folder that the database's machine cannot write."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def known(self, organization_id: str) -> Sequence[ChainPoint]:
        """Return every point that was noted; a line that was cut by a crash is passed over."""
        file = self._file(organization_id)
        if not file.exists():
            return ()
        points = []
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                noted = json.loads(line)
                points.append(
                    ChainPoint(sequence=noted["sequence"], hash=bytes.fromhex(noted["hash"]))
                )
            except (ValueError, KeyError, TypeError):
                continue
        return points

    def note(self, organization_id: str, point: ChainPoint, at: datetime) -> None:
        """Note a point that was found to hold; a number is noted once."""
        if any(known.sequence == point.sequence for known in self.known(organization_id)):
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        line = {"sequence": point.sequence, "hash": point.hash.hex(), "at": at.isoformat()}
        with self._file(organization_id).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _file(self, organization_id: str) -> Path:
        if not _ORGANIZATION.fullmatch(organization_id):
            raise ValueError("no organization is called so")
        return self._folder / f"{organization_id}.jsonl"
