"""`python -m detection` and the console command `cell-detect`."""

from cells.support.program import ended_by_signals


def main() -> None:
    """Runs the command line; never returns."""
    with ended_by_signals("cell-detect"):
        from detection.cli import main

        main()


if __name__ == "__main__":
    main()
