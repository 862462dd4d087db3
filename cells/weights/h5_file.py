"""Weights in Keras's old HDF5 layout, read by a process of its own.

HDF5's library runs for ever, or ends its process, on some damaged files; so it gets the time that
a file of this size takes, and what it has read comes back as plain arrays.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cells.support.errors import BAD_INPUT, UserError
from cells.support.files import reason, require_file

#: Has a process call `copy_arrays`, and gives how it ended.
Run = Callable[[str, str], subprocess.CompletedProcess[str]]

#: How much smaller a file can be than what it holds: about as deflate packs zeros.
_MOST_PACKED = 1000

#: Seconds of processor time to read, and for each byte (less than a tenth is needed).
_SECONDS, _SECONDS_A_BYTE = 0.5, 1e-7

#: What h5py raises where a file is not what it says.
_DAMAGED = (
    *(AttributeError, KeyError, MemoryError, OSError, OverflowError, RuntimeError, TypeError),
    ValueError,
)


def read(path: str, run: Run | None = None) -> dict[str, np.ndarray]:
    """The arrays of a Keras `.h5` weights file, named `LAYER/NUMBER` in their order there.

    Args:
        path: of the file.
        run: has a process read a file into another; by default a new one.

    Raises:
        UserError: there is no such file, or it is damaged or of another layout.
    """
    place = require_file(path, "weights")
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "arrays.npz")
        done = (run or _new_process)(os.path.abspath(place), output)
        if done.returncode:
            told = done.stderr if done.returncode == BAD_INPUT else "HDF5 cannot be trusted with it"
            raise UserError(
                f"{path}: damaged, or no .h5 weights file of Keras Applications ({told.strip()})"
            )
        with np.load(output) as arrays:
            return {str(name): arrays[f"arr_{i}"] for i, name in enumerate(arrays["names"])}


def _new_process(path: str, output: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", __file__, path, output],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def _read(path: Path) -> dict[str, np.ndarray]:
    import h5py

    most = path.stat().st_size
    with h5py.File(path, "r") as file:
        root = file.get("model_weights", file)
        return {
            f"{layer}/{i}": _array(root[layer][name], most)
            for layer in _names(root, "layer_names")
            for i, name in enumerate(_names(root[layer], "weight_names"))
        }


def _names(group: Any, key: str) -> list[str]:
    names = np.asarray(group.attrs[key])
    if names.ndim == 1 and not names.size:  # A layer without weights; of whatever type.
        return []
    if names.ndim != 1 or not all(isinstance(name, bytes | str) for name in names):
        raise ValueError(f"{key} is not a list of names")
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _array(dataset: Any, most: int) -> np.ndarray:
    """A data set, unless it says that it is larger than its file can hold."""
    packed = _MOST_PACKED if dataset.chunks else 1
    if dataset.nbytes > packed * most:
        raise ValueError(f"{dataset.name} is declared with {dataset.nbytes:,} bytes")
    array = np.asarray(dataset)
    # Texts and records are told by their type; their contents need no pickle then.
    return array if array.dtype.kind in "biufc" else np.zeros(array.shape, "S1")


def copy_arrays(path: str, output: str) -> None:
    """Copies the arrays of a file into a `.npz` file; ends this process where it cannot.

    Args:
        path: of the `.h5` file.
        output: the file to write.
    """
    import h5py  # noqa: F401  Before the time is taken.

    # Nothing of HDF5's library hears SIGPROF, so it ends the process.
    signal.setitimer(signal.ITIMER_PROF, _SECONDS + os.path.getsize(path) * _SECONDS_A_BYTE)
    try:
        arrays = _read(Path(path))
    except _DAMAGED as error:
        sys.stderr.write(reason(error))
        sys.exit(BAD_INPUT)
    np.savez(output, *arrays.values(), names=np.array(list(arrays), dtype=np.str_))


if __name__ == "__main__":
    copy_arrays(*sys.argv[1:])
