"""The `kyndof-edge` command."""

import typer

from edge.composition import cloud_doors, compose_offline, run_station
from edge.interfaces.cloud_commands.commands import add_cloud_commands
from edge.interfaces.kiosk.command import add_run_command
from edge.interfaces.offline import add_offline_commands

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
add_cloud_commands(app, cloud_doors())
add_run_command(app, run_station)
add_offline_commands(app, compose_offline)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
