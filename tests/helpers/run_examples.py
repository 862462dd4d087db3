"""Runs a page and the examples of packages' public names: `python run_examples.py PAGE PACKAGE...`.

PAGE is a script that holds the blocks of Python of a page. Prints of each package each name and how
many lines of examples it has; what is wrong, as `doctest` does, and ends with 1 then. Packages that
go on with what the page on Python made do so in the current folder, each other one in a folder of
its own.
"""

from __future__ import annotations

import doctest
import importlib
import os
import pathlib
import runpy
import sys

from example_files import make_files

#: Packages whose examples go on with runs that the page on Python has finished.
STAGES = ("auto", "transfer", "detection")


class Checker(doctest.OutputChecker):
    """Compares what is shown; where an example shows nothing, a training may print its progress."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return not want or super().check_output(want, got, optionflags)


def run(package: str, runner: doctest.DocTestRunner) -> None:
    """Runs the examples of one package in the current folder."""
    door = importlib.import_module(package)
    make_files(package)
    finder = doctest.DocTestFinder(recurse=False)
    for name in door.__all__:
        known = {package: door, "cells": importlib.import_module("cells")}
        for test in finder.find(getattr(door, name), name, globs=known):
            runner.run(test)
            print("ran", package, name, len(test.examples), flush=True)


if __name__ == "__main__":
    runner = doctest.DocTestRunner(Checker(), verbose=False, optionflags=doctest.ELLIPSIS)
    script, *packages = sys.argv[1:]
    runpy.run_path(script, run_name="__main__")
    page = pathlib.Path.cwd()
    for package in packages:
        folder = page if package in STAGES else page / package
        folder.mkdir(exist_ok=True)
        os.chdir(folder)
        run(package, runner)
    sys.exit(bool(runner.failures))
