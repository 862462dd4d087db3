"""One row: a contender on the images of one seed, with what it took."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import sys
import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.contenders import answering, environments, images, measured, product
from benchmarks.contenders.entries import OTHERS
from benchmarks.contenders.task import Task
from benchmarks.kept import Records, code_of_modules
from benchmarks.recording.machine import versions

#: Wall seconds after which a contender is ended: so many budgets and some minutes, since a core
#: that is shared takes longer.
_BUDGETS, _MORE = 4.0, 1200.0

#: What makes the tasks of all of them and measures what they take.
_HARNESS = (
    "benchmarks.contenders.answering",
    "benchmarks.contenders.images",
    "benchmarks.contenders.measured",
)


class FailedError(Exception):
    """A contender that gave no answer; says where its output is."""


@dataclass(frozen=True)
class Conditions:
    """What all rows of a comparison have in common.

    Attributes:
        dataset: one of `images.SOURCES`.
        training, test: how many images.
        budget: seconds, of processor time; `cells auto` is given it as its own.
        core: that contenders run on.
        load: cores that are kept busy all the time.
        onednn: whether TensorFlow uses oneDNN's kernels.
    """

    dataset: str
    training: int
    test: int
    budget: float
    core: int
    load: tuple[int, ...]
    onednn: bool


@dataclass(frozen=True)
class Row:
    """What came of one contender.

    Attributes:
        accuracy: part of the test images that it names rightly; of the product, as its own report
            says.
        right: whether it names each test image rightly, by kind of answer; that which counts is
            `answer`.
        processor, wall: seconds, from the start of its process to the end.
        told: whatever else.
    """

    accuracy: float
    right: dict[str, np.ndarray]
    processor: float
    wall: float
    told: dict[str, Any]


class Rows:
    """Rows, which are kept while what they depend on is unchanged.

    Args:
        conditions: of all of them.
        data_dir: folder of the prepared sets.
        folder: where rows are kept, contenders write and environments lie.
    """

    def __init__(self, conditions: Conditions, data_dir: str, folder: pathlib.Path):
        self._conditions, self._data_dir, self._folder = conditions, data_dir, folder
        self._records = Records(folder / "rows.jsonl")

    def row(self, name: str, seed: int) -> Row:
        """A row that is kept, or a new one.

        Raises:
            FailedError: the contender gave no answer.
            UnavailableError: its environment cannot be made.
        """
        key = self._key(name, seed)
        kept = self._records.find(key)
        if kept is None:
            row = self._measure(name, seed)
            packed = {kind: np.packbits(r).tobytes().hex() for kind, r in row.right.items()}
            kept = {**dataclasses.asdict(row), "right": packed, "images": len(row.right["answer"])}
            self._records.add(key, kept)
        values = dict(kept)
        count = values.pop("images")
        values["right"] = {kind: _unpacked(bits, count) for kind, bits in kept["right"].items()}
        return Row(**values)

    def _key(self, name: str, seed: int) -> dict[str, Any]:
        depends: dict[str, Any]
        if name in OTHERS:
            depends = {"code": code_of_modules(OTHERS[name].module, *_HARNESS)}
        else:
            depends = {
                "arguments": product.flags(name, self._conditions.dataset),
                "code": f"{code_of_modules(*_HARNESS)}-{product.code()}",
            }
        conditions = dataclasses.asdict(self._conditions)
        return {
            "contender": name,
            **depends,
            **{n: list(v) if isinstance(v, tuple) else v for n, v in conditions.items()},
            "seed": seed,
            "versions": versions(),
            "machine": f"{measured.processor()}, {os.cpu_count()} cores",
        }

    def _measure(self, name: str, seed: int) -> Row:
        self._folder.mkdir(parents=True, exist_ok=True)
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-{seed}-", dir=self._folder))
        task, labels = self._task(seed)
        answering.write_task(task, folder)
        row = self._other if name in OTHERS else self._product
        found = row(name, task, labels, folder)
        # What a contender that failed has left is kept: it says why.
        shutil.rmtree(folder)
        return found

    def _task(self, seed: int) -> tuple[Task, np.ndarray]:
        asked, source = self._conditions, images.SOURCES[self._conditions.dataset]
        train = images.read(asked.dataset, self._data_dir, "train", asked.training, seed)
        # The same for all seeds, or images and seeds could not be told apart in the error.
        test = images.read(asked.dataset, self._data_dir, "test", asked.test, 0)
        classes = len(images.class_names(asked.dataset, self._data_dir))
        task = Task(
            images=train.pixels,
            labels=train.labels,
            test=test.pixels,
            classes=classes,
            budget=asked.budget,
            seed=seed,
            mirror=source.mirror,
        )
        return task, test.labels

    def _other(self, name: str, task: Task, labels: np.ndarray, folder: pathlib.Path) -> Row:
        python, other = sys.executable, OTHERS[name]
        if other.requirements:
            environment = self._folder / "environments" / name
            python = environments.python_with(other.requirements, environment)
        command = [python, "-m", "benchmarks.contenders.answering", other.module, str(folder)]
        usage = self._run(command, folder / "output.log")
        guesses, told = answering.read_answer(folder)
        right = {kind: guess == labels for kind, guess in guesses.items()}
        uncounted = told.pop("uncounted")
        return Row(
            accuracy=float(right["answer"].mean()),
            right=right,
            processor=usage.processor - uncounted,
            wall=usage.wall - uncounted,
            told={**told, "MB": round(usage.memory)},
        )

    def _product(self, name: str, task: Task, labels: np.ndarray, folder: pathlib.Path) -> Row:
        asked = self._conditions
        names = images.class_names(asked.dataset, self._data_dir)
        images.write_files(task, labels, names, folder / "images")
        command = [sys.executable, *product.command(task, name, asked.dataset, folder)]
        usage = self._run(command, folder / "output.log")
        told = product.told(folder)
        uncounted = [sys.executable, "-m", "benchmarks.contenders.product", str(folder)]
        self._run(uncounted, folder / "prediction.log")
        right = np.load(folder / "names.npy") == np.array(names)[labels]
        # The same network, so nearly the same; the figure is what the command itself said.
        told["accuracy of predictions"] = round(float(right.mean()), 4)
        return Row(
            accuracy=told.pop("accuracy"),
            right={"answer": right},
            processor=usage.processor,
            wall=usage.wall,
            told={**told, "MB": round(usage.memory)},
        )

    def _run(self, command: list[str], log: pathlib.Path) -> measured.Usage:
        asked = self._conditions
        usage = measured.run(
            command,
            core=asked.core,
            most=_BUDGETS * asked.budget + _MORE,
            log=log,
            environment={
                "TF_ENABLE_ONEDNN_OPTS": str(int(asked.onednn)),
                "TF_CPP_MIN_LOG_LEVEL": "2",
            },
        )
        if usage.exit_code:
            lines = log.read_text(errors="replace").strip().splitlines() or ["nothing"]
            raise FailedError(f"exit code {usage.exit_code}; {log} ends with: {lines[-1]}")
        return usage


def _unpacked(packed: str, count: int) -> np.ndarray:
    bits = np.frombuffer(bytes.fromhex(packed), np.uint8)
    return np.unpackbits(bits, count=count).astype(bool)
