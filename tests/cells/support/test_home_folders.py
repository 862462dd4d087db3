"""A `~` at the beginning of a path is the home folder, wherever a path is given."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

from cells.support import files
from cells.support.errors import UserError

#: A command line with two flags, which prints them.
PROGRAM = """
import sys
from absl import flags
from cells.support import command_line
flags.DEFINE_string("output", None, "")
flags.DEFINE_multi_string("config_file", [], "")
def main(argv): print(flags.FLAGS.output, *flags.FLAGS.config_file)
command_line.run(main, module=flags.FLAGS.find_module_defining_flag("output"), prog="x")
"""


def run(home: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, "HOME": str(home)},
        cwd=pathlib.Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )


def test_files_are_read_and_written_there(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    files.write_json("~/a/b.json", [1])
    assert json.loads((tmp_path / "a" / "b.json").read_text()) == [1]
    assert files.read_text("~/a/b.json", "list", 100) == "[\n  1\n]\n"
    assert files.path_text("~/a") == str(tmp_path / "a")
    assert files.path_text("gs://bucket/~a") == "gs://bucket/~a"
    with pytest.raises(UserError, match=r"^~nosuchuser/x: there is no home folder"):
        files.write_json("~nosuchuser/x", [1])


def test_flags_are_spelled_out(tmp_path: pathlib.Path) -> None:
    """A shell leaves `--output=~/x` as it is."""
    done = run(tmp_path, "--output=~/x", "--config_file=~/a.yaml", "--config_file=b~.yaml")
    assert done.stdout.split() == [f"{tmp_path}/x", f"{tmp_path}/a.yaml", "b~.yaml"], done.stderr
    done = run(tmp_path, "--output=~nosuchuser/x")
    assert done.returncode == 2 and done.stderr.startswith("x: ~nosuchuser/x: there is no home")
