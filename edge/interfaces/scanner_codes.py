"""The command `kyndof-edge scanner-codes`: a sheet to print and to set a scanner up with."""

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from edge.scanning.errors import ScanningError

REFUSED = 2


def add_scanner_commands(app: typer.Typer, sheet: Callable[[str], bytes]) -> None:
    """Add the command; ``sheet`` draws the PDF of a profile."""

    @app.command("scanner-codes")
    def scanner_codes(
        profile: Annotated[
            str, typer.Argument(help="Name of a file under firmware-config/scanners.")
        ],
        out: Annotated[Path, typer.Option("-o", "--out", help="File to write.")],
    ) -> None:
        """Draw a scanner's set-up codes and a code to try it with, on A4 pages."""
        try:
            out.write_bytes(sheet(profile))
        except ScanningError as error:
            _tell("scanner.refused", problem=str(error))
        except OSError as error:
            _tell("scanner.cannot_write", file=str(out), problem=error.strerror)


def _tell(key: str, **values: object) -> None:
    """Say a sentence, Korean first, and end the command."""
    folder = resources.files("edge.interfaces") / "texts"
    for language in ("ko", "en"):
        texts = json.loads((folder / f"{language}.json").read_text(encoding="utf-8"))
        typer.echo(texts[key].format(**values), err=True)
    raise typer.Exit(REFUSED)
