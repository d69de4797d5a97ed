"""The page of figures tells what was measured, what was missed and what did not run."""

import ast

from tests.benchmarks.__main__ import (
    PAGE,
    Outcome,
    goals,
    holds,
    kept,
    last_line,
    names,
    page,
    rows,
)


def test_the_last_line_alone_counts_and_must_hold_figures() -> None:
    assert last_line('words\n{"name": "a", "figures": {"x": 1}}\n') == {
        "name": "a",
        "figures": {"x": 1},
    }
    assert last_line('{"figures": {}}\nTraceback') is None
    assert last_line("") is None
    assert last_line('{"name": "a"}') is None


def test_a_target_is_a_bound_on_a_number() -> None:
    assert holds(30, "<= 30")
    assert not holds(30.1, "<= 30")
    assert holds(0.93, ">= 0.93")
    assert not holds("quick", "<= 30")


def test_a_missed_target_and_a_benchmark_that_failed_stay_on_the_page() -> None:
    line = {"name": "slow", "figures": {"p95_ms": 31, "n": 5}, "targets": {"p95_ms": "<= 30"}}
    outcomes = [
        Outcome(name="slow", line=line),
        Outcome(name="broken", line=None, trouble="ended with 1 and no figures"),
    ]
    text = page(rows(outcomes, "2026-01-02, `abc`, quick"))
    assert "| slow | `p95_ms` | 31 | <= 30 | no | 2026-01-02, `abc`, quick |" in text
    assert "| slow | `n` | 5 |  |  |" in text
    assert "| broken | – | ended with 1 and no figures | | no |" in text


def test_figures_of_others_stay_where_one_is_measured_anew() -> None:
    def one(name: str, value: int) -> Outcome:
        return Outcome(name=name, line={"name": name, "figures": {"x": value}})

    first = page(rows([one("a", 1), one("b", 2)], "then"))
    again = page(kept(first) | rows([one("b", 3)], "now"))
    assert "| a | `x` | 1 |  |  | then |" in again
    assert "| b | `x` | 3 |  |  | now |" in again
    assert "| 2 |" not in again
    assert kept(page(kept(first))) == kept(first)


def test_the_page_lists_every_benchmark() -> None:
    text = PAGE.read_text(encoding="utf-8")
    missing = [name for name in names() if f"| `{name}` | " not in text]
    assert not missing, "run: python -m tests.benchmarks --list"


def test_goals_are_read_from_what_a_benchmark_writes_down() -> None:
    module = ast.parse(
        'report.targets = {"p95_ms": ("<=", 30), "queries": (">=", float(count))}\n'
        'report.targets |= {"lost": ("<=", 0)}\nreport.targets["jain"] = (">=", 0.9)\n'
        'report.figures = {"jain": 1}'
    )
    assert goals(module) == "`p95_ms` <= 30, `queries` …, `lost` <= 0, `jain` >= 0.9"
    assert goals(ast.parse("")) == "none"
