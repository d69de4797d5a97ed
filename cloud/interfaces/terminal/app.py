"""The `kyndof` command line: starts processes, and speaks commands and queries like any door."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from cloud.audit.queries import ChainReport, VerifyAuditChain
from cloud.commands.bus import CommandBus
from cloud.commands.command import CommandContext, Source
from cloud.commands.errors import CommandError
from cloud.events.ports import IdFactory
from cloud.interfaces.terminal.adapt import AdaptDoor, add_adapt
from cloud.interfaces.terminal.bundles import BundleDoors, add_bundles
from cloud.interfaces.terminal.checks import Check, add_checks
from cloud.interfaces.terminal.credentials import CredentialTools, add_credentials
from cloud.interfaces.terminal.floor import FloorDoors, add_floor
from cloud.interfaces.terminal.quality import QualityDoors, add_quality
from cloud.interfaces.terminal.remote_commands import add_remote
from cloud.interfaces.terminal.retrain import RetrainDoor, add_retrain
from cloud.interfaces.terminal.token_keys import TokenKeys, add_token_keys
from cloud.interfaces.terminal.train import TrainDoors, add_train
from cloud.interfaces.terminal.words import say
from cloud.organizations.commands import (
    CreateApiKey,
    CreateLoginLink,
    CreateOrganization,
    CreatePasswordLink,
)
from cloud.organizations.errors import OrganizationCodeTakenError
from cloud.organizations.queries import IssuedApiKey, LoginLink, OrganizationMade
from cloud.permissions.queries import Explanation, WhyAllowed


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedBus:
    """The bus, and the organizations by their short code."""

    bus: CommandBus
    organizations: dict[str, str]
    address: str
    ids: IdFactory | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalDoors:
    """What composition hands to the command line. ``known`` are errors with a sentence to show."""

    up: Callable[[bool], Awaitable[None]]
    serve: Callable[[], Awaitable[None]]
    worker: Callable[[tuple[str, ...], int], Awaitable[None]]
    broker: Callable[[], Awaitable[None]]
    migrate: Callable[[], Awaitable[str]]
    bus: Callable[[], AbstractAsyncContextManager[OpenedBus]]
    check_org: Check
    check_registry: Check
    new_credential_key: Callable[[str], str]
    token_keys: Callable[[], TokenKeys]
    known: Callable[[], tuple[type[Exception], ...]]
    quality: Callable[[], QualityDoors]
    train: Callable[[], TrainDoors]
    adapt: Callable[[], AdaptDoor]
    retrain: Callable[[], RetrainDoor]
    floor: Callable[[], FloorDoors]
    bundles: Callable[[], BundleDoors]
    login_file: Callable[[], Path]


Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Organization = Annotated[str, typer.Option(help="Short code of the organization.")]


def build_terminal(doors: TerminalDoors) -> typer.Typer:
    """Return the application with every command."""
    app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
    _add_processes(app, doors)
    _add_people(app, doors)
    _add_first_steps(app, doors)
    _add_organization(app, doors)
    _add_audit(app, doors)
    add_credentials(app, _credential_tools(doors))
    add_token_keys(
        app,
        doors.token_keys,
        lambda work: _run(doors, work),
        lambda data, text, as_json: _show(data, text, as_json=as_json),
    )
    add_floor(
        app,
        doors.floor,
        lambda work: _run(doors, work),
        lambda data, text, as_json: _show(data, text, as_json=as_json),
    )
    add_bundles(
        app,
        doors.bundles,
        lambda work: _run(doors, work),
        lambda data, text, as_json: _show(data, text, as_json=as_json),
    )
    add_quality(app, doors.quality)
    train = add_train(app, doors.train)
    add_adapt(train, doors.adapt)
    add_retrain(train, doors.retrain)
    add_remote(app, doors.login_file)
    return app


def _add_processes(app: typer.Typer, doors: TerminalDoors) -> None:
    @app.command()
    def up(demo: Annotated[bool, typer.Option(help="Let simulated workers work.")] = False) -> None:
        """Start everything on this machine and stop it at Ctrl-C."""
        _run(doors, doors.up(demo))

    @app.command()
    def serve() -> None:
        """Serve HTTP, WebSocket and gRPC; relay events; project the stations' events."""
        _run(doors, doors.serve())

    @app.command()
    def worker(
        queue: Annotated[
            list[str] | None, typer.Option(help="Queue to work on; again for more. All without.")
        ] = None,
        concurrency: Annotated[
            int, typer.Option(min=1, max=100, help="Jobs of a queue at a time.")
        ] = 5,
    ) -> None:
        """Work on background jobs."""
        _run(doors, doors.worker(tuple(queue or ()), concurrency))

    @app.command()
    def broker() -> None:
        """Run the floor's MQTT broker."""
        _run(doors, doors.broker())

    @app.command()
    def migrate() -> None:
        """Bring the database of KYNDOF_DATABASE_OWNER_URL to the newest version."""
        typer.echo(_run(doors, doors.migrate()))


def _add_people(app: typer.Typer, doors: TerminalDoors) -> None:
    key = typer.Typer(no_args_is_help=True, help="API keys.")
    app.add_typer(key, name="key")

    @app.command("login-link")
    def login_link(user: str, organization: Organization = "", as_json: Json = False) -> None:
        """Print a one-time sign-in link for USER, good for 15 minutes."""

        async def work() -> tuple[LoginLink, str]:
            async with doors.bus() as opened:
                context = _context(opened, user, organization)
                return await opened.bus.send(CreateLoginLink(login=user), context), opened.address

        link, address = _run(doors, work())
        _show(asdict(link), f"{address}/login#{link.token}", as_json=as_json)

    @key.command("create")
    def create_key(
        user: str, name: str, organization: Organization = "", as_json: Json = False
    ) -> None:
        """Make an API key that acts as USER; it is shown this once."""

        async def work() -> IssuedApiKey:
            async with doors.bus() as opened:
                context = _context(opened, user, organization)
                issued: IssuedApiKey = await opened.bus.send(
                    CreateApiKey(login=user, name=name), context
                )
                return issued

        issued = _run(doors, work())
        _show(asdict(issued), issued.key, as_json=as_json)


def _add_first_steps(app: typer.Typer, doors: TerminalDoors) -> None:
    @app.command("password-link")
    def password_link(user: str, organization: Organization = "", as_json: Json = False) -> None:
        """Print a one-time link with which USER sets a password, good for 24 hours."""

        async def work() -> tuple[LoginLink, str]:
            async with doors.bus() as opened:
                context = _context(opened, user, organization)
                link = await opened.bus.send(CreatePasswordLink(login=user), context)
                return link, opened.address

        link, address = _run(doors, work())
        _show(asdict(link), f"{address}/password#{link.token}", as_json=as_json)

    @app.command("create-organization")
    def create_organization(
        code: str,
        owner: str,
        name_ko: Annotated[str, typer.Option(help="The organization's name in Korean.")],
        name_en: Annotated[str, typer.Option(help="The organization's name in English.")],
        owner_name: Annotated[str, typer.Option(help="The first person's name.")],
        as_json: Json = False,
    ) -> None:
        """Make an organization with the short CODE and its first person OWNER.

        Prints the link with which OWNER sets a password, and what is left to do while no position
        in registry/org lets OWNER manage people.
        """
        command = CreateOrganization(
            code=code,
            name_ko=name_ko,
            name_en=name_en,
            owner_login=owner,
            owner_name_ko=owner_name,
            owner_name_en=owner_name,
        )

        async def work() -> tuple[OrganizationMade, str]:
            async with doors.bus() as opened:
                if opened.ids is None:
                    _fail("identifiers cannot be made here")
                if code in opened.organizations:
                    raise OrganizationCodeTakenError("this code is taken", code=code)
                context = CommandContext(
                    organization_id=opened.ids.new("org"), user="system", source=Source.TERMINAL
                )
                return await opened.bus.send(command, context), opened.address

        made, address = _run(doors, work())
        _show(asdict(made), f"{address}/password#{made.token}", as_json=as_json)
        if not made.owner_has_position:
            typer.echo(say("OWNER_WITHOUT_POSITION", login=made.login), err=True)


def _add_organization(app: typer.Typer, doors: TerminalDoors) -> None:
    org = typer.Typer(no_args_is_help=True, help="RABSIC matrices of the registry.")
    app.add_typer(org, name="org")

    registry = typer.Typer(no_args_is_help=True, help="The registry's files.")
    app.add_typer(registry, name="registry")
    add_checks(
        org, registry, (doors.check_org, doors.check_registry), lambda work: _run(doors, work)
    )

    @org.command("why")
    def why(
        user: str,
        action: str,
        domain: Annotated[str, typer.Option(help="Matrix; found by the action.")] = "",
        field: Annotated[list[str] | None, typer.Option(help="Typed field, name=value.")] = None,
        organization: Organization = "",
        as_json: Json = False,
    ) -> None:
        """Explain what the matrix says about USER and ACTION."""
        pairs = dict(pair.partition("=")[::2] for pair in field or [])

        async def work() -> Explanation:
            async with doors.bus() as opened:
                query = WhyAllowed(
                    user=user, domain=domain, action=action.replace("-", "_"), fields={**pairs}
                )
                explanation: Explanation = await opened.bus.ask(
                    query, _context(opened, user, organization)
                )
                return explanation

        found = _run(doors, work())
        sentence = "may" if found.allowed else "may not"
        text = "\n".join([f"{user} {sentence} {action}: {found.reason}", *found.steps])
        _show(asdict(found), text, as_json=as_json)


def _add_audit(app: typer.Typer, doors: TerminalDoors) -> None:
    audit = typer.Typer(no_args_is_help=True, help="The audit chain.")
    app.add_typer(audit, name="audit")

    @audit.command("verify")
    def verify(organization: Organization = "demo", as_json: Json = False) -> None:
        """Check every row of the organization's chain; exit 1 when one does not hold."""

        async def work() -> ChainReport:
            async with doors.bus() as opened:
                report: ChainReport = await opened.bus.ask(
                    VerifyAuditChain(), _context(opened, "", organization)
                )
                return report

        report = _run(doors, work())
        text = f"{report.row_count} rows, the chain holds"
        if not report.holds:
            text = f"the chain breaks at row {report.broken_at}: {report.reason}"
        _show(asdict(report), text, as_json=as_json)
        if not report.holds:
            raise typer.Exit(1)


def _credential_tools(doors: TerminalDoors) -> CredentialTools:
    return CredentialTools(
        bus=doors.bus,
        run=lambda work: _run(doors, work),
        context=lambda opened, code: _context(opened, "", code),
        show=lambda data, text, as_json: _show(data, text, as_json=as_json),
        new_key=doors.new_credential_key,
    )


def _context(opened: OpenedBus, user: str, organization: str) -> CommandContext:
    """Whoever owns the machine acts as the program, for the organization that is named.

    Without a name it is the one whose code stands in the login, ``…@demo.example``.
    """
    code = organization or user.partition("@")[2].partition(".")[0]
    if code not in opened.organizations:
        known = ", ".join(sorted(opened.organizations)) or "none"
        _fail(f"no organization {code!r}; known: {known}; name one with --organization")
    return CommandContext(
        organization_id=opened.organizations[code], user="system", source=Source.TERMINAL
    )


def _run(doors: TerminalDoors, work: Awaitable[Any] | Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401
    async def awaited() -> Any:  # noqa: ANN401
        return await work

    try:
        return asyncio.run(awaited())
    except CommandError as error:
        _fail(f"{error.code}: {error.message}")
    except doors.known() as error:
        _fail(str(error))


def _fail(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)


def _show(data: Any, text: str, *, as_json: bool) -> None:  # noqa: ANN401
    typer.echo(json.dumps(data, default=str, ensure_ascii=False) if as_json else text)
