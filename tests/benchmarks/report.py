"""One way to report a benchmark: a few readable lines, then one line of JSON."""

import argparse
import json
import platform
import re
from dataclasses import dataclass, field
from pathlib import Path

DATA = Path("../shared/data")


@dataclass(slots=True)
class Report:
    """Figures of one benchmark; ``targets`` maps a figure to ("<=" or ">=", bound)."""

    name: str
    seed: int = 0
    figures: dict[str, object] = field(default_factory=dict)
    targets: dict[str, tuple[str, float]] = field(default_factory=dict)

    def holds(self) -> bool:
        """Say whether every target is met; a missing figure is not."""
        return all(self._met(key, *target) for key, target in self.targets.items())

    def print(self) -> int:
        """Print the last line and return an exit code: 0 also when a target is missed."""
        line = {
            "name": self.name,
            "figures": self.figures,
            "targets": {key: f"{sign} {bound}" for key, (sign, bound) in self.targets.items()},
            "holds": self.holds(),
            "seed": self.seed,
            "machine": machine(),
        }
        print(json.dumps(line, ensure_ascii=False))
        return 0

    def _met(self, key: str, sign: str, bound: float) -> bool:
        value = self.figures.get(key)
        if not isinstance(value, int | float):
            return False
        return value <= bound if sign == "<=" else value >= bound


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, both ends rounded to four places."""
    if not count:
        return 0.0, 1.0
    share, z2 = hits / count, 1.96**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = 1.96 / (1 + z2 / count) * (share * (1 - share) / count + z2 / (4 * count**2)) ** 0.5
    return round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4)


def machine() -> str:
    """Say what it ran on: system, processor, usable cores."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = re.search(r"model name\s*:\s*(.+)", info.read_text())
        model = found.group(1).strip() if found else model
    import os  # noqa: PLC0415 - only where the scheduler tells

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{platform.system()} {model}, {cores} cores"


def arguments(description: str) -> argparse.Namespace:
    """Read ``--data`` and ``--quick``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--quick", action="store_true")
    return parser.parse_args()


def data_folder() -> Path:
    for folder in Path(__file__).resolve().parents:
        if (folder / "shared" / "data").is_dir():
            return folder / "shared" / "data"
    return DATA
