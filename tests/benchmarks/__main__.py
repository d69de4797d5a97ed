"""`make bench`: runs every benchmark, one after another, and writes ``cloud/docs/benchmarks.md``.

``--quick`` runs the short form of each; ``--only NAME`` one of them, leaving the page alone unless
``--keep`` writes its figures beside those of the others. ``--list`` runs nothing: it writes which
benchmarks there are and leaves the figures.
"""

import argparse
import ast
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

Written by `make bench`, which runs all of them; one alone: `python -m tests.benchmarks.NAME
[--quick]`, and with its figures kept here: `python -m tests.benchmarks --only NAME --keep`. A goal
that is missed stays in the table and says so.
"""
FIGURES = "## Figures"
NONE = "Not measured yet: run `make bench`."
COLUMNS = "| benchmark | figure | measured | target | holds | when, commit, length |"


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


def goals(module: ast.Module) -> str:
    """Return the targets that a benchmark writes down, as ``figure <= bound``; other ones: …"""
    found: list[str] = []
    for node in ast.walk(module):
        if isinstance(node, ast.Assign):
            place, value = node.targets[0], node.value
        elif isinstance(node, ast.AugAssign):
            place, value = node.target, node.value
        else:
            continue
        keyed = isinstance(place, ast.Subscript)
        owner = place.value if isinstance(place, ast.Subscript) else place
        if not isinstance(owner, ast.Attribute) or owner.attr != "targets":
            continue
        if keyed:
            assert isinstance(place, ast.Subscript)
            pairs = [(place.slice, value)]
        elif isinstance(value, ast.Dict):
            pairs = [(key, one) for key, one in zip(value.keys, value.values, strict=True) if key]
        else:
            pairs = []
        found += [_goal(key, one) for key, one in pairs]
    return ", ".join(dict.fromkeys(found)) or "none"


def _goal(key: ast.expr, value: ast.expr) -> str:
    try:
        sign, bound = ast.literal_eval(value)
        return f"`{ast.literal_eval(key)}` {sign} {bound:g}"
    except (ValueError, TypeError):
        # Drawn up when it runs: the table of figures says how.
        return f"`{ast.unparse(key).strip(chr(39))}` …"


def listing(measured: Sequence[str]) -> str:
    """Return the table of all benchmarks; those in ``measured`` have figures on the page."""
    parts = ["| benchmark | what | goals | figures |", "|---|---|---|---|"]
    for name in names():
        module = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
        what = (ast.get_docstring(module) or "").partition("\n")[0]
        where = "[below](#figures)" if name in measured else "not measured yet"
        parts.append(f"| `{name}` | {what} | {goals(module)} | {where} |")
    return "\n".join(parts)


def rows(outcomes: Sequence[Outcome], stamp: str) -> dict[str, list[str]]:
    """Return the lines of each benchmark, one a figure."""
    found: dict[str, list[str]] = {}
    for outcome in outcomes:
        lines = found.setdefault(outcome.name, [])
        if outcome.line is None:
            lines.append(f"| {outcome.name} | – | {outcome.trouble} | | no | {stamp} |")
            continue
        targets = outcome.line.get("targets", {})
        for key, value in outcome.line["figures"].items():
            target = targets.get(key, "")
            met = ("yes" if holds(value, target) else "no") if target else ""
            shown = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
            lines.append(f"| {outcome.name} | `{key}` | {shown} | {target} | {met} | {stamp} |")
    return found


def kept(text: str) -> dict[str, list[str]]:
    """Read the lines of each benchmark back from a page."""
    found: dict[str, list[str]] = {}
    for line in text.partition(FIGURES)[2].splitlines():
        name = line.split("|")[1].strip() if line.count("|") > 1 else ""
        if name and name != "benchmark" and not name.startswith("-"):
            found.setdefault(name, []).append(line)
    return found


def page(measured: dict[str, list[str]]) -> str:
    """Return the page: which benchmarks there are, then one line a figure."""
    parts = [HEAD, listing(list(measured)), "", FIGURES, ""]
    if not measured:
        return "\n".join([*parts, NONE, ""])
    parts += [COLUMNS, "|---|---|---|---|---|---|"]
    return "\n".join([*parts, *(line for name in sorted(measured) for line in measured[name]), ""])


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
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    if options.list:
        PAGE.write_text(page(kept(before)), encoding="utf-8")
        return 0
    arguments = ["--quick"] if options.quick else []
    arguments += ["--data", str(options.data)] if options.data else []
    commit = commit_of_checkout()
    outcomes = [measure(name, arguments) for name in options.only or names()]
    if options.keep or not options.only:
        date = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
        length = "quick" if options.quick else "full"
        fresh = rows(outcomes, f"{date}, `{commit}`, {length}, {machine()}")
        others = kept(before) if options.only else {}
        PAGE.write_text(page(others | fresh), encoding="utf-8")
    for outcome in outcomes:
        print(json.dumps(outcome.line or {"name": outcome.name, "trouble": outcome.trouble}))
    return int(any(outcome.line is None for outcome in outcomes))


if __name__ == "__main__":
    raise SystemExit(main())
