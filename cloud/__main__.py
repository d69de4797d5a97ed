"""The `kyndof` command."""


def main() -> None:
    """Run the command line."""
    raise SystemExit("kyndof: not built yet")


if __name__ == "__main__":
    main()
