"""`kyndof do`, `ask`, `login`, `logout`, `whoami` and `shell`: errands at a running server."""

import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from cloud.interfaces.terminal.remote import DEFAULT_SERVER, Remote, RemoteError
from cloud.interfaces.terminal.tables import show
from cloud.interfaces.terminal.wishes import WishInvalidError, payload_of, properties
from cloud.interfaces.terminal.words import say

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Wish = Annotated[list[str] | None, typer.Argument(help="--field value …", show_default=False)]
Payload = Annotated[str, typer.Option(help="All fields as one JSON object.")]
Listed = Annotated[bool, typer.Option("--list", help="List what there is.")]
_LOOSE = {"ignore_unknown_options": True, "allow_interspersed_args": True}
_NOT_SIGNED_IN = 3
_USAGE = 2


def add_remote(app: typer.Typer, login_file: Callable[[], Path]) -> None:
    """Add the commands; ``login_file`` says where the login is kept."""

    def remote() -> Remote:
        return Remote(login_file())

    _add_bus(app, remote)
    _add_login(app, remote)

    @app.command()
    def shell(
        session: Annotated[str, typer.Argument(help="The conversation to go on with.")] = "",
    ) -> None:
        """Talk to the system; goes on with a conversation that began elsewhere."""
        from cloud.interfaces.terminal.shell import run_shell  # noqa: PLC0415  drawn only here

        with refusals(as_json=False):
            run_shell(remote(), session)


def _add_bus(app: typer.Typer, remote: Callable[[], Remote]) -> None:
    def known(kind: str) -> Callable[[str], list[str]]:
        def complete(incomplete: str) -> list[str]:
            names = [name.replace("_", "-") for name in remote().remembered(kind)]
            return [name for name in names if name.startswith(incomplete)]

        return complete

    commands, questions = known("commands"), known("queries")

    @app.command("do", context_settings=_LOOSE)
    def do(
        type: Annotated[str | None, typer.Argument(autocompletion=commands)] = None,  # noqa: A002
        wish: Wish = None,
        payload: Payload = "",
        key: Annotated[str, typer.Option(help="Idempotency key: done once.")] = "",
        listed: Listed = False,
        as_json: Json = False,
    ) -> None:
        """Carry out any command of the catalogue, by its type and --field value words."""
        nothing = type is None and not (wish or payload)
        with refusals(as_json=as_json):
            entry = _entry(remote(), "commands", type, listed=listed or nothing, as_json=as_json)
            fields = payload_of(entry, wish or [], payload)
            answer = remote().call("POST", f"/commands/{entry['type']}", fields, key=key)
            show(answer, as_json=as_json)

    @app.command("ask", context_settings=_LOOSE)
    def ask(
        type: Annotated[str | None, typer.Argument(autocompletion=questions)] = None,  # noqa: A002
        wish: Wish = None,
        payload: Payload = "",
        listed: Listed = False,
        as_json: Json = False,
    ) -> None:
        """Ask any question of the catalogue, by its type and --field value words."""
        nothing = type is None and not (wish or payload)
        with refusals(as_json=as_json):
            entry = _entry(remote(), "queries", type, listed=listed or nothing, as_json=as_json)
            fields = payload_of(entry, wish or [], payload)
            answer = remote().call("POST", f"/queries/{entry['type']}", fields)
            show(answer, as_json=as_json)


def _add_login(app: typer.Typer, remote: Callable[[], Remote]) -> None:
    @app.command()
    def login(
        server: Annotated[str, typer.Option(help="Address of the server.")] = DEFAULT_SERVER,
        key: Annotated[str, typer.Option(help="API key; without one a device code is shown.")] = "",
        as_json: Json = False,
    ) -> None:
        """Sign in with an API key, or with a code that is confirmed in a browser."""
        with refusals(as_json=as_json):
            here = remote()
            here.login.server, here.login.secret, here.login.refresh = server, key, ""
            if not key:
                _by_device(here)
            me = here.call("GET", "/me")
            here.keep()
            if as_json:
                show(me, as_json=True)
            else:
                person, organization = me["person"]["login"], me["organization_code"]
                typer.echo(say("SIGNED_IN", login=person, organization=organization))

    @app.command()
    def logout() -> None:
        """End the sign-in at the server and forget it here; an API key is forgotten here alone."""
        here = remote()
        if here.login.refresh:
            with suppress(RemoteError):
                here.call("POST", "/tokens/revocation", {"refresh_token": here.login.refresh})
        here.login.secret = here.login.refresh = ""
        here.keep()
        typer.echo(say("SIGNED_OUT"))

    @app.command()
    def whoami(as_json: Json = False) -> None:
        """Say who is signed in."""
        with refusals(as_json=as_json):
            me = remote().call("GET", "/me")
            flat = me if as_json else {**me["person"], "organization": me["organization_code"]}
            show(flat, as_json=as_json)


def _by_device(here: Remote) -> None:
    codes = here.call("POST", "/device/codes", {"client": "kyndof"})
    address = here.login.server.rstrip("/") + codes["verification_path"]
    typer.echo(say("DEVICE_OPEN", address=address, code=codes["user_code"]), err=True)
    pause_s, waited_s = float(codes["interval_s"]), 0.0
    while waited_s <= float(codes["expires_in_s"]):
        time.sleep(pause_s)
        waited_s += pause_s
        try:
            pair = here.call("POST", "/device/tokens", {"device_code": codes["device_code"]})
        except RemoteError as refusal:
            code = refusal.body["error"]["code"]
            if code == "DEVICE_SLOW_DOWN":
                pause_s += 5
            elif code != "DEVICE_PENDING":
                raise
        else:
            here.login.secret, here.login.refresh = pair["access_token"], pair["refresh_token"]
            return
    raise RemoteError(say("LOGIN_NEEDED"), _NOT_SIGNED_IN)


def _entry(
    here: Remote, kind: str, name: str | None, *, listed: bool, as_json: bool
) -> dict[str, Any]:
    found = {entry["type"]: entry for entry in here.catalogue(kind)}
    if listed:
        rows = [
            {"type": one.replace("_", "-"), "fields": ", ".join(properties(entry))}
            for one, entry in found.items()
        ]
        show(rows, as_json=as_json)
        raise typer.Exit
    wanted = (name or "").replace("-", "_")
    if wanted not in found:
        word = "do" if kind == "commands" else "ask"
        # An empty word is a variable that somebody forgot to set, and no wish to see the list.
        raise WishInvalidError(say("TYPE_UNKNOWN", type=name or '""', word=word))
    return found[wanted]


@contextmanager
def refusals(*, as_json: bool) -> Any:  # noqa: ANN401  a context
    """Tell a refusal in a sentence, or as JSON, and end with its exit code."""
    try:
        yield
    except WishInvalidError as error:
        _end(str(error), _USAGE, {"error": {"code": "USAGE", "message": str(error)}}, as_json)
    except RemoteError as error:
        _end(str(error), error.exit_code, error.body, as_json)


def _end(sentence: str, exit_code: int, body: dict[str, Any], as_json: bool) -> NoReturn:
    if as_json:
        show(body, as_json=True)
    else:
        typer.echo(sentence, err=True)
    raise typer.Exit(exit_code)
