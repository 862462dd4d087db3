"""Commands of this project, in processes that are forked from one that has imported TensorFlow."""

from __future__ import annotations

import atexit
import functools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping

ROOT = pathlib.Path(__file__).parents[2]

#: Imports what is not of this project, once, and forks a process for each command, which may take
#: ten minutes.
_SERVER = """
import json, os, runpy, signal, sys
import optuna, tensorflow, tensorflow_datasets, official.vision.modeling.factory
for line in sys.stdin:
    command = json.loads(line)
    child = os.fork()
    if not child:
        signal.alarm(600)
        os.chdir(command["folder"])
        os.environ.clear()
        os.environ.update(command["environment"])
        for stream, path in enumerate(command["streams"], 1):
            os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), stream)
        module, *arguments = command["command"]
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        sys.exit()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@functools.cache
def _server() -> subprocess.Popen:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert server.stdin is not None
    atexit.register(server.stdin.close)
    return server


def run_forked(
    module: str,
    *arguments: str,
    folder: pathlib.Path = ROOT,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Does what `python -m MODULE ARGUMENTS` does, and waits for its end.

    Args:
        module: such as `cell_search`.
        arguments: of the command line.
        folder: where it runs.
        environment: in place of this process's own; variables that TensorFlow reads when it is
            imported change nothing any more.

    Returns:
        The exit code, and what it printed.
    """
    server = _server()
    assert server.stdin is not None and server.stdout is not None
    with tempfile.NamedTemporaryFile("r") as out, tempfile.NamedTemporaryFile("r") as err:
        command = {
            "command": [module, *arguments],
            "folder": str(folder),
            "environment": dict(os.environ if environment is None else environment),
            "streams": [out.name, err.name],
        }
        print(json.dumps(command), file=server.stdin, flush=True)
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess([module, *arguments], code, out.read(), err.read())
