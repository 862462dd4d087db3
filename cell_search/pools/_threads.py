"""How a worker is told how many threads to use."""

from __future__ import annotations


def thread_variables(threads: int) -> dict[str, str]:
    """The environment of a process that uses so many threads; to be set before it begins."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return dict.fromkeys((*names, "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), str(threads))
