"""A fixed load on a core: matrix products, as long as the benchmark needs them.

What a core can do depends upon what its neighbours do (memory, cache, clock), so the neighbours
always do the same.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator

from benchmarks.contenders.measured import ONE_THREAD, ROOT, end_with_parent

#: Height and width of the float32 matrices: three of them fill a usual second-level cache.
SIZE = 512


@contextlib.contextmanager
def load(cores: Iterable[int]) -> Iterator[None]:
    """Keeps these cores busy while a `with` block runs."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", __name__, str(core)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **ONE_THREAD},
            start_new_session=True,  # Where each session has its share, it takes none from others.
        )
        for core in cores
    ]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def _burn(core: int) -> None:
    import numpy as np

    end_with_parent()
    os.sched_setaffinity(0, {core})
    a, b = np.random.default_rng(0).random((2, SIZE, SIZE), dtype=np.float32)
    out = np.empty_like(a)
    while True:
        np.matmul(a, b, out=out)


if __name__ == "__main__":
    _burn(int(sys.argv[1]))
