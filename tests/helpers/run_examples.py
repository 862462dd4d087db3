"""Runs the examples of a package's public names: `python run_examples.py PACKAGE`.

Prints each name and how many lines of examples it has; what is wrong, as `doctest` does, and ends
with 1 then.
"""

from __future__ import annotations

import doctest
import importlib
import sys

from example_files import make_files


class Checker(doctest.OutputChecker):
    """Compares what is shown; where an example shows nothing, a training may print its progress."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return not want or super().check_output(want, got, optionflags)


if __name__ == "__main__":
    package = sys.argv[1]
    door = importlib.import_module(package)
    make_files(package)
    finder = doctest.DocTestFinder(recurse=False)
    runner = doctest.DocTestRunner(Checker(), verbose=False, optionflags=doctest.ELLIPSIS)
    for name in door.__all__:
        known = {package: door, "cells": importlib.import_module("cells")}
        for test in finder.find(getattr(door, name), name, globs=known):
            runner.run(test)
            print("ran", name, len(test.examples), flush=True)
    sys.exit(bool(runner.failures))
