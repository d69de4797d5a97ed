"""The `kyndof` command."""

import sys

from cloud.composition.doors import terminal_doors
from cloud.interfaces.terminal.app import build_terminal
from cloud.interfaces.terminal.words import say
from cloud.settings import SettingInvalidError, spoken_language


def main() -> None:
    """Run the command line."""
    say.speak(spoken_language())
    try:
        build_terminal(terminal_doors())()
    except SettingInvalidError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
