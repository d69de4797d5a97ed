"""The page of figures tells what was measured, what was missed and what did not run."""

from tests.benchmarks.__main__ import Outcome, holds, last_line, page


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
    text = page(outcomes, date="2026-01-02", commit="abc", quick=True)
    assert "| slow | `p95_ms` | 31 | <= 30 | no |" in text
    assert "| slow | `n` | 5 |  |  |" in text
    assert "| broken | – | ended with 1 and no figures | | no |" in text
    assert "commit `abc`" in text
