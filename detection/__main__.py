"""`python -m detection` and the console command `cell-detect`."""

from detection.cli import main

if __name__ == "__main__":
    main()
