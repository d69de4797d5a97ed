"""How thick the cloth of each style is, as somebody measured and typed it at the kiosk."""

import logging
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from edge.infrastructure.durable_files import write_durably

_LOG = logging.getLogger(__name__)
THICKNESS = Path("calibration") / "thickness.json"


class _Typed(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    thickness_mm: Annotated[float, Field(gt=0, lt=100)]
    by: str
    at: str


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")

    styles: dict[str, _Typed] = {}


class ThicknessFile:
    """One small file by style, with who typed it and when."""

    def __init__(self, home: Path) -> None:
        self._path = home / THICKNESS
        self._record, self._read_ns = _Record(), -1

    def known(self) -> dict[str, float]:
        """Return millimetres by style; a damaged file counts as none, and is told."""
        return {style: typed.thickness_mm for style, typed in self._read().styles.items()}

    def keep(self, style: str, thickness_mm: float, by: str, at: str) -> None:
        """Let a thickness count at once.

        Raises:
            OSError: it cannot be written; nothing changed.
        """
        typed = _Typed(thickness_mm=thickness_mm, by=by, at=at)
        record = _Record(styles={**self._read().styles, style: typed})
        write_durably(self._path, (record.model_dump_json(indent=1) + "\n").encode())

    def _read(self) -> _Record:
        """Read the file where it changed since the last look."""
        try:
            stamp_ns = self._path.stat().st_mtime_ns
            if stamp_ns != self._read_ns:
                self._read_ns = stamp_ns
                self._record = _Record.model_validate_json(self._path.read_text("utf-8"))
        except FileNotFoundError:
            self._record = _Record()
        except (OSError, ValueError):
            _LOG.exception("thickness file refused")
            self._record = _Record()
        return self._record
