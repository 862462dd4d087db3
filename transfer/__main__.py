"""`python -m transfer` and the console command `cell-transfer`."""

from transfer.cli import main

if __name__ == "__main__":
    main()
