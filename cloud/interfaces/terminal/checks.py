"""`kyndof org check` and `kyndof registry check`, as they are told."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from cloud.interfaces.terminal.words import say

Database = Annotated[
    str,
    typer.Option(
        help="PostgreSQL URL whose persons the holders are compared with; without it the one "
        "that is set, or that of `kyndof up`."
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holders:
    """Whether the positions' holders were compared with persons, and with how many."""

    state: Literal["compared", "no_database", "no_organization"]
    organization_count: int = 0
    person_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was read and completed, and what is wrong, a line each."""

    lines: tuple[str, ...]
    findings: tuple[str, ...]
    holders: Holders


Check = Callable[[str], Awaitable[Checked]]


def add_checks(
    org: typer.Typer,
    registry: typer.Typer,
    checks: tuple[Check, Check],
    run: Callable[[Awaitable[Any]], Any],
) -> None:
    """Add both commands; ``checks`` are that of the matrices and that of everything."""
    check_org, check_registry = checks

    @org.command("check")
    def check(database: Database = "") -> None:
        """Read every matrix; show what was completed and what is wrong."""
        _tell(run(check_org(database)))

    @registry.command("check")
    def check_all(database: Database = "") -> None:
        """Read every matrix and plug-in; show what was completed and what is wrong."""
        _tell(run(check_registry(database)))


def _tell(found: Checked) -> None:
    for line in found.lines:
        typer.echo(line)
    holders = found.holders
    typer.echo(
        say(
            f"HOLDERS_{holders.state.upper()}",
            organizations=holders.organization_count,
            persons=holders.person_count,
        )
    )
    for line in found.findings:
        typer.echo(line, err=True)
    if found.findings:
        raise typer.Exit(1)
