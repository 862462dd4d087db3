"""`python -m cell_search`: the same as the command `cell-search`."""

from cell_search.cli import main

if __name__ == "__main__":
    main()
