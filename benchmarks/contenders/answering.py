"""One contender in a process of its own: reads its task, and writes its answer.

  python -m benchmarks.contenders.answering benchmarks.contenders.residual_network FOLDER

`FOLDER/task.npz` is read, `FOLDER/answer.npz` and `FOLDER/told.json` are written.
"""

from __future__ import annotations

import importlib
import json
import pathlib
import sys
import time
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.contenders.task import Answer, Task


def write_task(task: Task, folder: pathlib.Path) -> None:
    """Writes what `python -m` reads."""
    np.savez(folder / "task.npz", **asdict(task))


def read_task(folder: pathlib.Path) -> Task:
    """What `write_task` wrote."""
    with np.load(folder / "task.npz") as file:
        values = {name: file[name] for name in file.files}
    return Task(**{n: v if v.ndim else v.item() for n, v in values.items()})


def read_answer(folder: pathlib.Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Guesses by kind, that which counts as `answer`, and what is told."""
    with np.load(folder / "answer.npz") as file:
        guesses = {name: file[name] for name in file.files}
    return guesses, json.loads((folder / "told.json").read_text(encoding="utf-8"))


def _main(module: str, folder: pathlib.Path) -> None:
    contender = importlib.import_module(module)
    answer: Answer = contender.train_and_predict(read_task(folder))
    counted = time.process_time()
    guesses = {"answer": answer.guesses, **answer.also()}
    np.savez(folder / "answer.npz", **guesses)
    told = {**answer.told, "uncounted": time.process_time() - counted}
    (folder / "told.json").write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    _main(sys.argv[1], pathlib.Path(sys.argv[2]))
