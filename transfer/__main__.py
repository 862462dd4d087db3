"""`python -m transfer` and the console command `cell-transfer`."""

from cells.support.program import ended_by_signals


def main() -> None:
    """Runs the command line; never returns."""
    with ended_by_signals("cell-transfer"):
        from transfer.cli import main

        main()


if __name__ == "__main__":
    main()
