"""The command `kyndof-edge run`."""

import json
from collections.abc import Callable
from pathlib import Path

import typer

from edge.capture.errors import CaptureError
from edge.interfaces.kiosk.errors import KioskPortTakenError
from edge.outbox.errors import OutboxError
from edge.scanning.address import ScannerAddressError
from edge.station.errors import StationError

TEXTS = Path(__file__).parent / "texts"
START_ERRORS = (StationError, CaptureError, OutboxError, ScannerAddressError, KioskPortTakenError)


def add_run_command(app: typer.Typer, run_station: Callable[[], None]) -> None:
    """Add the command to the application."""

    @app.command()
    def run() -> None:
        """Capture, scan, inspect, serve the kiosk and publish; starts `sync` as its child."""
        try:
            run_station()
        except START_ERRORS as error:
            for language in ("ko", "en"):
                texts = json.loads((TEXTS / f"{language}.json").read_text(encoding="utf-8"))
                sentence = texts.get(f"error.{error.code}")
                if sentence:
                    typer.echo(sentence, err=True)
            typer.echo(f"{error.code}: {error}", err=True)
            raise typer.Exit(2) from error
