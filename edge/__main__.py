"""The `kyndof-edge` command."""

import sys

import typer

from edge.composition import (
    compose_calibration,
    compose_offline,
    draw_scanner_sheet,
    run_station,
)
from edge.composition.station_commands import cloud_doors
from edge.interfaces.calibration import add_calibration_commands
from edge.interfaces.cloud_commands.commands import add_cloud_commands
from edge.interfaces.kiosk.command import add_run_command
from edge.interfaces.offline import add_offline_commands
from edge.interfaces.scanner_codes import add_scanner_commands
from edge.settings import SettingInvalidError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
add_cloud_commands(app, cloud_doors())
add_run_command(app, run_station)
add_offline_commands(app, compose_offline)
add_calibration_commands(app, compose_calibration)
add_scanner_commands(app, draw_scanner_sheet)


def main() -> None:
    """Run the command line."""
    try:
        app()
    except SettingInvalidError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
