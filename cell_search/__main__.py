"""`python -m cell_search` and the console command `cell-search`."""

from cells.support.program import ended_by_signals


def main() -> None:
    """Runs the command line; never returns."""
    with ended_by_signals("cell-search"):
        from cell_search.cli import main

        main()


if __name__ == "__main__":
    main()
