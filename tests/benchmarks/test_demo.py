"""`make demo` runs what the README tells."""

from __future__ import annotations

import pathlib
import re
import shlex

import pytest

from benchmarks import commands, demo

README = pathlib.Path(__file__).parents[2] / "README.md"


def test_the_demo_runs_the_commands_of_the_readme():
    stages = README.read_text(encoding="utf-8").split("## Three stages")[1]
    block = re.search(r"```sh\n(.*?)```", stages, re.DOTALL)[1]
    lines = block.replace("\\\n", " ").splitlines()
    told = [shlex.split(line) for line in lines if line and not line.startswith("#")]
    assert [list(command) for command in demo.commands()] == told
    # What is printed means the same in a shell, too.
    assert [shlex.split(commands.shown(*command)) for command in demo.commands()] == told


def test_a_command_of_the_demo_that_fails_ends_it(capfd):
    """A forked command ends with the exit code that it has in a process of its own."""
    with pytest.raises(SystemExit, match="cells ended with exit code 2"):
        commands.run_forked("cells", "show", "no_such_cells")
    shown = capfd.readouterr()
    assert "$ cells show no_such_cells" in shown.out
    assert "neither in the catalogue" in shown.err
    assert commands.run_forked("cells", "show", "nasnet_a") > 0
    assert "Normal cell" in capfd.readouterr().out
