"""`make bench`: runs every benchmark, one after another, and writes ``cloud/docs/benchmarks.md``.

``--quick`` runs the short form of each; ``--only NAME`` one of them, leaving the page alone.
"""

import argparse
import datetime
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.report import machine

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
PAGE = ROOT / "cloud" / "docs" / "benchmarks.md"
LONGEST_S = 1800
HEAD = """# Benchmarks

Written by `make bench`; one alone: `python -m tests.benchmarks.NAME [--quick]`.
Every figure here was measured in that run; nothing is carried over. A target that is missed stays
in the table and says so.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one benchmark said last, or why it said nothing."""

    name: str
    line: dict[str, Any] | None
    trouble: str = ""


def names() -> list[str]:
    """Return the benchmarks of this folder: modules that are run, not imported."""
    return sorted(
        path.stem
        for path in FOLDER.glob("*.py")
        if not path.stem.startswith("_") and "__main__" in path.read_text(encoding="utf-8")
    )


def last_line(output: str) -> dict[str, Any] | None:
    """Return the last line as JSON, as every benchmark prints it."""
    lines = output.strip().splitlines()
    try:
        found = json.loads(lines[-1]) if lines else None
    except ValueError:
        return None
    return found if isinstance(found, dict) and "figures" in found else None


def measure(name: str, arguments: Sequence[str]) -> Outcome:
    """Run one benchmark in a process of its own; its words are shown as they come out."""
    command = [sys.executable, "-m", f"tests.benchmarks.{name}", *arguments]
    try:
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired:
        return Outcome(name=name, line=None, trouble=f"gave up after {LONGEST_S} s")
    print(done.stdout, flush=True)
    line = last_line(done.stdout)
    trouble = "" if line else f"ended with {done.returncode} and no figures"
    return Outcome(name=name, line=line, trouble=trouble)


def page(outcomes: Sequence[Outcome], *, date: str, commit: str, quick: bool) -> str:
    """Return the page: when, where, which commit, then one line a figure."""
    length = "short form (`--quick`)" if quick else "full length"
    parts = [HEAD, f"{date} · {machine()} · commit `{commit}` · {length}\n"]
    parts += ["| benchmark | figure | measured | target | holds |", "|---|---|---|---|---|"]
    for outcome in outcomes:
        if outcome.line is None:
            parts.append(f"| {outcome.name} | – | {outcome.trouble} | | no |")
            continue
        targets = outcome.line.get("targets", {})
        for key, value in outcome.line["figures"].items():
            target = targets.get(key, "")
            met = ("yes" if holds(value, target) else "no") if target else ""
            shown = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
            parts.append(f"| {outcome.name} | `{key}` | {shown} | {target} | {met} |")
    return "\n".join([*parts, ""])


def holds(value: object, target: str) -> bool:
    """Say whether a figure meets a target such as ``<= 30``."""
    sign, _, bound = target.partition(" ")
    if not isinstance(value, int | float):
        return False
    return value <= float(bound) if sign == "<=" else value >= float(bound)


def commit_of_checkout() -> str:
    """Return the commit, with a + behind it when files differ from it."""
    git = ["git", "-c", "safe.directory=*"]
    head, changed = (
        subprocess.run([*git, *what], cwd=ROOT, capture_output=True, text=True, check=False).stdout
        for what in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "-uno"])
    )
    return (head.strip() or "unknown") + ("+" if changed.strip() else "")


def main() -> int:
    """Run all; the exit code is 0 when every benchmark gave figures, met or missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", action="append", choices=names())
    options = parser.parse_args()
    arguments = ["--quick"] if options.quick else []
    arguments += ["--data", str(options.data)] if options.data else []
    commit = commit_of_checkout()
    outcomes = [measure(name, arguments) for name in options.only or names()]
    if not options.only:
        date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
        text = page(outcomes, date=date, commit=commit, quick=options.quick)
        PAGE.write_text(text, encoding="utf-8")
    for outcome in outcomes:
        print(json.dumps(outcome.line or {"name": outcome.name, "trouble": outcome.trouble}))
    return int(any(outcome.line is None for outcome in outcomes))


if __name__ == "__main__":
    raise SystemExit(main())
