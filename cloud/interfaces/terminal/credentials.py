"""`kyndof credentials`: secrets of outside services, and the keys that seal them.

A secret is asked for or read from standard input, never taken from the command line, where
everybody on the machine could read it.
"""

import sys
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Protocol

import typer

from cloud.commands.bus import CommandBus
from cloud.commands.command import Command, CommandContext, Query
from cloud.commands.secret import Secret
from cloud.credentials.commands import (
    ReencryptCredentials,
    RemoveCredential,
    ReplaceCredential,
    StoreCredential,
)
from cloud.credentials.queries import CheckCredentials, ListCredentials, Reencrypted

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Organization = Annotated[str, typer.Option(help="Short code of the organization.")]


class Opened(Protocol):
    """The bus, and the organizations by their short code."""

    @property
    def bus(self) -> CommandBus:
        """Return the bus."""
        ...

    @property
    def organizations(self) -> dict[str, str]:
        """Return identifier by code."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialTools:
    """What the command line lends: the bus, how to run, to speak for whom, and how to show."""

    bus: Callable[[], AbstractAsyncContextManager[Opened]]
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    context: Callable[[Any, str], CommandContext]
    show: Callable[[Any, str, bool], None]
    new_key: Callable[[str], str]


def add_credentials(app: typer.Typer, tools: CredentialTools) -> None:
    """Add the commands to ``app``."""
    credentials = typer.Typer(no_args_is_help=True, help="Secrets of outside services.")
    app.add_typer(credentials, name="credentials")
    _add_changes(credentials, tools)
    _add_questions(credentials, tools)
    _add_keys(credentials, tools)


def _add_changes(app: typer.Typer, tools: CredentialTools) -> None:
    @app.command()
    def store(
        name: str, field: str, organization: Organization = "demo", as_json: Json = False
    ) -> None:
        """Keep FIELD of NAME, such as `api_key` of `notion`; the secret is asked for."""
        command = StoreCredential(name=name, field=field, secret=_asked())
        view = tools.run(_sent(tools, command, organization))
        tools.show(asdict(view), view.credential_id, as_json)

    @app.command()
    def replace(
        credential_id: str, organization: Organization = "demo", as_json: Json = False
    ) -> None:
        """Put another secret in the place of CREDENTIAL_ID's; it is asked for."""
        command = ReplaceCredential(credential_id=credential_id, secret=_asked())
        view = tools.run(_sent(tools, command, organization))
        tools.show(asdict(view), view.credential_id, as_json)

    @app.command()
    def remove(credential_id: str, reason: str, organization: Organization = "demo") -> None:
        """Forget the secret of CREDENTIAL_ID."""
        command = RemoveCredential(credential_id=credential_id, reason=reason)
        tools.run(_sent(tools, command, organization))


def _add_questions(app: typer.Typer, tools: CredentialTools) -> None:
    @app.command("list")
    def list_all(organization: Organization = "demo", as_json: Json = False) -> None:
        """List what is kept, never the secrets."""
        views = tools.run(_asked_of(tools, ListCredentials(), organization))
        lines = [f"{v.credential_id}  {v.name}  {v.field}  key {v.key_id}" for v in views]
        tools.show([asdict(view) for view in views], "\n".join(lines), as_json)

    @app.command()
    def check(organization: Organization = "demo", as_json: Json = False) -> None:
        """Open every secret; exit 1 when one does not open."""
        report = tools.run(_asked_of(tools, CheckCredentials(), organization))
        lines = [
            f"{report.opened_count} open",
            *(f"{name}: {code}" for name, code in report.closed),
        ]
        tools.show(asdict(report), "\n".join(lines), as_json)
        if report.closed:
            raise typer.Exit(1)


def _add_keys(app: typer.Typer, tools: CredentialTools) -> None:
    @app.command("new-key")
    def new_key(name: str) -> None:
        """Print a fresh key called NAME, an entry for KYNDOF_CREDENTIAL_KEYS."""
        typer.echo(tools.new_key(name))

    @app.command()
    def rotate(
        organization: Annotated[str, typer.Option(help="One organization; else all.")] = "",
        batch: Annotated[int, typer.Option(help="Secrets in one transaction.")] = 500,
        as_json: Json = False,
    ) -> None:
        """Seal every secret anew with the first key, while everything goes on.

        May be stopped at any moment and run again: what is done stays done.
        """
        done = tools.run(_rotated(tools, organization, batch))
        lines = [f"{code}: {count} sealed anew" for code, count in done.items()]
        tools.show(done, "\n".join(lines), as_json)


async def _rotated(tools: CredentialTools, organization: str, batch: int) -> dict[str, int]:
    done: dict[str, int] = {}
    async with tools.bus() as opened:
        for code in [organization] if organization else sorted(opened.organizations):
            context = tools.context(opened, code)
            while True:
                told: Reencrypted = await opened.bus.send(
                    ReencryptCredentials(limit=batch), context
                )
                done[code] = done.get(code, 0) + told.done_count
                # Rows that somebody is changing at this moment were left out: come again.
                if not told.remaining_count:
                    break
    return done


def _asked() -> Secret:
    if sys.stdin.isatty():
        return Secret(typer.prompt("secret", hide_input=True))
    return Secret(sys.stdin.read().removesuffix("\n"))


async def _sent(tools: CredentialTools, command: Command, organization: str) -> Any:  # noqa: ANN401
    async with tools.bus() as opened:
        return await opened.bus.send(command, tools.context(opened, organization))


async def _asked_of(tools: CredentialTools, query: Query, organization: str) -> Any:  # noqa: ANN401
    async with tools.bus() as opened:
        return await opened.bus.ask(query, tools.context(opened, organization))
