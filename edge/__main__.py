"""The `kyndof-edge` command."""


def main() -> None:
    """Run the command line."""
    raise SystemExit("kyndof-edge: not built yet")


if __name__ == "__main__":
    main()
