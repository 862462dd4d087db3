"""The subcommands of `cells`, one function each: parsed arguments in, lines to print out."""
