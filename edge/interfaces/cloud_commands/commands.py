"""The commands of `kyndof-edge` that deal with the cloud: sync, enrol, status, logs, export."""

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from edge.interfaces.cloud_commands.shown import is_unbalanced, status_lines
from edge.outbox.errors import OutboxError

Result = TypeVar("Result")
UNBALANCED = 1
TEXTS = Path(__file__).parent / "texts"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudDoors:
    """What the commands open; the composition root fills them."""

    sync: Callable[[], None]
    enrol: Callable[[str, str, str], Mapping[str, str]]
    status: Callable[[], Mapping[str, object]]
    logs: Callable[[int, str, bool], Iterable[Mapping[str, object]]]
    events: Callable[[str, int], Iterable[Mapping[str, object]]]
    export: Callable[[Path], Mapping[str, object]]
    accept_loss: Callable[[], int]
    language: Callable[[], str]


class Level(Enum):
    """Levels of log lines."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


def texts_of(language: str) -> dict[str, str]:
    """Return the sentences of a language."""
    found: dict[str, str] = json.loads((TEXTS / f"{language}.json").read_text(encoding="utf-8"))
    return found


def say(code: str, reason: str = "") -> None:
    """Say a code's sentence on the standard error stream, Korean first."""
    for language in ("ko", "en"):
        typer.echo(texts_of(language).get(code, code), err=True)
    if reason:
        typer.echo(f"{code}: {reason}", err=True)


def add_cloud_commands(app: typer.Typer, doors: CloudDoors) -> None:
    """Add the commands to the application."""
    _add_looking(app, doors)

    @app.command()
    def sync() -> None:
        """Carry events, pictures and work packages between floor and cloud."""
        _guarded(doors.sync)

    @app.command()
    def enrol(
        token: Annotated[str, typer.Option(help="One-time join token.")],
        serial: Annotated[str, typer.Option(help="Serial number that the token is bound to.")],
        ca_fingerprint: Annotated[str, typer.Option(help="SHA-256 of the cloud's authority.")],
    ) -> None:
        """Exchange a join token for this station's certificate."""
        typer.echo(json.dumps(_guarded(lambda: doors.enrol(token, serial, ca_fingerprint))))
        say("ENROLLED")

    @app.command()
    def export(
        file: Annotated[
            Path | None,
            typer.Argument(help="File to write; without one, events are printed."),
        ] = None,
        stream: Annotated[str, typer.Option(help="events or state.")] = "events",
        after: Annotated[int, typer.Option(help="Only events after this number.")] = 0,
    ) -> None:
        """Write what the cloud does not have, pictures too, to FILE, for `kyndof floor import`.

        Nothing here changes: the station goes on where it is. Without FILE stored events are
        printed, one JSON object a line.
        """

        def print_all() -> None:
            for line in doors.events(stream, after):
                typer.echo(json.dumps(line, ensure_ascii=False))

        if file is None:
            _guarded(print_all)
        else:
            target = file
            typer.echo(json.dumps(_guarded(lambda: doors.export(target))))
            say("EXPORTED")


def _add_looking(app: typer.Typer, doors: CloudDoors) -> None:
    @app.command()
    def status(
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
        accept_loss: Annotated[
            bool,
            typer.Option("--accept-loss", help="Take what is unaccounted for as lost, for good."),
        ] = False,
    ) -> None:
        """Say how the station stands: identity, link, outbox, disk, clock, bundle, last errors.

        Exits with 1 where events are unaccounted for: made here and neither stored, pending, shed
        nor refused.
        """
        if accept_loss:
            lost = _guarded(doors.accept_loss)
            typer.echo(texts_of(doors.language())["STATUS.accepted"].format(lost=lost), err=True)
        found = _guarded(doors.status)
        if as_json:
            typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
        else:
            typer.echo("\n".join(status_lines(found, texts_of(doors.language()))))
        if is_unbalanced(found):
            raise typer.Exit(UNBALANCED)

    @app.command()
    def logs(
        count: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many lines.")] = 50,
        level: Annotated[Level, typer.Option(help="Least level.")] = Level.INFO,
        follow: Annotated[
            bool, typer.Option("--follow", "-f", help="Go on with new ones.")
        ] = False,
    ) -> None:
        """Print the last log lines of this station's processes, one JSON object a line."""
        with contextlib.suppress(KeyboardInterrupt):
            for line in doors.logs(count, level.value, follow):
                typer.echo(json.dumps(line, ensure_ascii=False))


def _guarded(act: Callable[[], Result]) -> Result:
    try:
        return act()
    except OutboxError as error:
        say(error.code, str(error))
        raise typer.Exit(2) from error
