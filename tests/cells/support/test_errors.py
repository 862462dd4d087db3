"""Sentences about arguments: Python users read the argument's name, the command line its flag."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import pytest

from cells.support.errors import UserError, first_line, unknown


@pytest.mark.parametrize(
    ("error", "in_python"),
    [
        (UserError("--output: x exists already"), "output: x exists already"),
        (UserError("--search_dir: x is empty", "directory"), "directory: x is empty"),
        (unknown("--formats", "onx", ["onnx"]), "formats: unknown 'onx'; did you mean 'onnx'? kno"),
        # Neither a flag of a file's name nor a command is the name of an argument.
        (
            UserError("x.yaml: is empty; see --output: files"),
            "x.yaml: is empty; see --output: files",
        ),
        (UserError("--mode=replay: is lost"), "--mode=replay: is lost"),
    ],
)
def test_an_argument_has_two_names(error, in_python):
    assert str(error).startswith(in_python)
    for same in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (str(same), same.with_flag) == (str(error), error.with_flag)


def test_the_command_line_writes_the_flag():
    code = (
        "from cells.support import command_line, errors\n"
        "def main(argv): raise errors.UserError('--search_dir: x is empty', 'directory')\n"
        "command_line.run(main, module=__name__, prog='p')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "p: --search_dir: x is empty\n")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("one.\ntwo", "one"),
        (
            'Failed to construct dataset "x", builder_kwargs "{\'a\': 1}": only: 1.0.0.',
            "only: 1.0.0",
        ),
        ("{{function_node __wrapped__X_device_/job:0}} no PNG. [Op:X] name: ", "no PNG"),
        ("{{function_node f}} {{node g}} no PNG.\n\t [[{{node g}}]] [Op:f]", "no PNG"),
        ("", "ValueError"),
    ],
)
def test_first_line(text, line):
    assert first_line(ValueError(text)) == line
