"""The `kyndof` command."""

from cloud.composition.doors import terminal_doors
from cloud.interfaces.terminal.app import build_terminal


def main() -> None:
    """Run the command line."""
    build_terminal(terminal_doors())()


if __name__ == "__main__":
    main()
