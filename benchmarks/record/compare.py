"""What cells are worth: trainings under one recipe at equal predicted cost.

* `screening`: everybody once, on images of the list `comparison`, scored on others of that list.
* `finals`: the finalists five times; scored on the official test images, which nothing else reads.
* `transfers`: the finalists three times on few images a class of two other sets, and their test
  images; and as the backbone of a detector (`benchmarks.record.scenes`).

Each training is a process of its own on one core; its steps follow from the cost table of the
record, so that the clock decides nothing. Results are kept as they come.
"""

from __future__ import annotations

import json
import math
import pathlib
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.kept import Records
from benchmarks.record import contestants, lists, scenes
from benchmarks.record.contestants import Contestant
from benchmarks.record.runs import Record, Work
from cells.support.errors import Stopped

STAGES = ("screening", "finals", "transfers")

#: Predicted seconds of a training, by the stage; a detector has its own.
SECONDS = {"screening": 180.0, "finals": 400.0, "transfers": 60.0}

SEEDS = {"screening": 1, "finals": 5, "transfers": 3}

#: Of each arm in the screening, and of each group in the finals.
_SCREENED = 4
_FINALISTS = {"search": 2, "published": 3, "random": 2, "hand_written": 1, contestants.RESIDUAL: 1}

#: Images of CIFAR-10 that train and that screen.
_TRAINING, _SCREENING = 5000, 5000

#: Sets of the transfers with the pixels of a side, and images of a class.
_TRANSFERS = (("sign_language_digits", 32), ("cmaterdb/bangla", 32))
_A_CLASS = (10, 20, 50)


@dataclass(frozen=True)
class Task:
    """One training.

    Attributes:
        stage: one of `STAGES`.
        contestant: who.
        seed: of the training, and of what is drawn of a set.
        images: `cifar10`, or another set.
        a_class: images of a class; 0: those of the list.
        pixels: height and width.
    """

    stage: str
    contestant: Contestant
    seed: int
    images: str = "cifar10"
    a_class: int = 0
    pixels: int = 32

    @property
    def detects(self) -> bool:
        """Whether it is the backbone of a detector that is trained, and not a classifier."""
        return self.images == scenes.IMAGES

    @property
    def seconds(self) -> float:
        """Predicted, of the training."""
        return scenes.SECONDS if self.detects else SECONDS[self.stage]

    def key(self, table: str) -> dict[str, Any]:
        """What a result is kept by.

        Args:
            table: the identity of the cost table.
        """
        who = {**self.contestant.as_dict(), "name": "", "group": ""}
        same = {"stage": self.stage, "seed": self.seed, "images": self.images}
        more = {"a_class": self.a_class, "pixels": self.pixels, "seconds": self.seconds}
        # The same cells are the same, whatever they are called.
        if who["genotype"]:
            who["genotype"] = {**who["genotype"], "name": ""}
        return {**same, **more, "table": table, "who": who}


def results(record: Record) -> Records:
    """The committed results."""
    return Records(record.data / "compare.jsonl")


def identity(record: Record) -> str:
    """Of the record's cost table."""
    from cell_search.costs import table

    return table.read(record.data / "costs.json").identity


def tasks(record: Record, stage: str) -> Iterator[Task]:
    """The trainings of a stage, seed by seed, so that what else runs meets all of them.

    Args:
        record: where results lie; those of the screening decide who is a finalist.
        stage: one of `STAGES`.
    """
    if stage == "screening":
        everybody = [*contestants.known(), *contestants.found(record, _SCREENED)]
        yield from (Task(stage, who, 0) for who in everybody)
        return
    chosen = finalists(record)
    for seed in range(SEEDS[stage]):
        for who in chosen:
            if stage == "finals":
                yield Task(stage, who, seed)
                continue
            for (name, pixels), count in ((s, c) for s in _TRANSFERS for c in _A_CLASS):
                yield Task(stage, who, seed, name, count, pixels)
            if scenes.takes(who):
                yield Task(stage, who, seed, scenes.IMAGES, pixels=scenes.PIXELS)


def finalists(record: Record) -> list[Contestant]:
    """The best of each group by the screening, those of the search first, each name once.

    Empty before the screening is complete.
    """
    kept, table = results(record), identity(record)
    scored = []
    for task in tasks(record, "screening"):
        found = kept.find(task.key(table))
        if found is None:
            return []
        scored.append((found["accuracy"], task.contestant))
    scored.sort(key=lambda pair: (pair[1].group != "search", -pair[0]))
    chosen: list[Contestant] = []
    for _, who in scored:
        group = [c for c in chosen if c.group == who.group]
        if len(group) < _FINALISTS[who.group] and who.name not in [c.name for c in group]:
            chosen.append(who)
    return chosen


def run(record: Record, stage: str, hours: float) -> None:
    """Goes on with a stage.

    Args:
        record: where results lie.
        stage: one of `STAGES`.
        hours: by the clock.
    """
    kept, table, ends = results(record), identity(record), time.monotonic() + 3600.0 * hours
    for task in tasks(record, stage):
        if kept.find(task.key(table)) is not None:
            continue
        if time.monotonic() >= ends:
            return
        found = _in_a_process(record, task, ends)
        if found is None:
            return
        kept.add(task.key(table), {**found, "group": task.contestant.group})
        print(f"{stage}: {task.contestant.label}, {task.images} {task.a_class or ''}: {found}")


def scores(record: Record, stage: str) -> dict[tuple[str, int], dict[str, list[float]]]:
    """Accuracies in percent, of detectors AP, seed by seed, of a stage that is complete.

    Args:
        record: where results lie.
        stage: `finals` or `transfers`.

    Returns:
        By the set with its images of a class, then by the label of the contestant; the first is the
        one of the search that did best in the screening. Nothing of a stage that is not complete.
    """
    kept, table = results(record), identity(record)
    found: dict[tuple[str, int], dict[str, list[float]]] = {}
    for task in tasks(record, stage):
        row = kept.find(task.key(table))
        if row is None:
            return {}
        point = found.setdefault((task.images, task.a_class), {})
        score = row["AP" if task.detects else "with_views"]
        point.setdefault(task.contestant.label, []).append(100.0 * score)
    return found


def ahead(
    record: Record, stage: str, group: str
) -> dict[tuple[str, int], tuple[str, float, float]]:
    """By how much the search's best is ahead of the best of a group, paired by seed.

    That of the search is chosen by the screening, that of the group by these very scores.

    Args:
        record: where results lie.
        stage: `finals` or `transfers`.
        group: `published`, `random`, `hand_written` or `resnet_9`.

    Returns:
        By the set with its images of a class: the other's label, the mean difference in points, and
        its standard error. Points at which nobody of the group is are left out.
    """
    chosen = finalists(record)
    ours = next((who.label for who in chosen if who.group == "search"), "")
    others = [who.label for who in chosen if who.group == group]
    found = {}
    for point, by_label in scores(record, stage).items():
        means = {label: np.mean(by_label[label]) for label in others if label in by_label}
        if not means:
            continue
        best = max(means, key=means.__getitem__)
        differences = np.subtract(by_label[ours], by_label[best])
        error = float(differences.std(ddof=1) / math.sqrt(len(differences)))
        found[point] = best, float(differences.mean()), error
    return found


def _in_a_process(record: Record, task: Task, ends: float) -> dict[str, Any] | None:
    """The result of a training; None where it was stopped."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "result.json"
        asked = {**vars(task), "contestant": task.contestant.as_dict()}
        command = [sys.executable, "-m", "benchmarks.record.compare", json.dumps(asked)]
        work = Work()
        work.run([*command, str(record.data / "costs.json"), str(path)], record.root, ends)
        if not path.exists():
            return None
        return {**json.loads(path.read_text()), "processor_seconds": round(work.processor_seconds)}


# In the process of a training.


def train(task: Task, costs: pathlib.Path) -> dict[str, float]:
    """Trains and scores.

    Args:
        task: what.
        costs: the cost table.
    """
    from cell_search.children.pieces import cut
    from cell_search.children.precision import MIXED, mixed_bfloat16
    from cell_search.costs import table
    from cell_search.costs.predict import seconds_of
    from cell_search.recipes.recipe import Recipe
    from cell_search.recipes.training import WholeTraining

    times = table.read(costs)
    if task.detects:
        return scenes.train(task.contestant, task.seed, task.seconds, times)
    training, scoring, classes = _images(task)
    size = training[0].shape[1:3]
    recipe = Recipe(flip=task.images == "cifar10")
    graph, config = task.contestant.network((size[0], size[1]), classes)
    batch = min(recipe.batch, len(training[1]))
    step = seconds_of(times, cut(graph, ["logits"], size), batch)
    step += times.overheads.pixel * batch * math.prod(size)
    steps = max(int(task.seconds / step), 1)
    with mixed_bfloat16(times.machine.precision == MIXED):
        whole = WholeTraining(graph, config, recipe, training, task.seed, planned=steps)
        whole.run()
        plain, viewed = (whole.score(*scoring, v) for v in ((whole.views[0],), whole.views))
    return {"accuracy": plain.accuracy, "with_views": viewed.accuracy, "steps": steps}


Pair = tuple[np.ndarray, np.ndarray]


def _images(task: Task) -> tuple[Pair, Pair, int]:
    """Images that train, images that score, and the number of classes."""
    from cells import data

    classes = data.image_classes(_builder(task.images)).num_classes
    if task.images == "cifar10":
        numbers = lists.numbers("comparison")
        # TFDS has shuffled them, so the first are as good as any.
        chosen = numbers[:_TRAINING], numbers[_TRAINING : _TRAINING + _SCREENING]
        training = _decoded(task, "train", chosen[0])
        if task.stage == "screening":
            return training, _decoded(task, "train", chosen[1]), classes
        return training, _decoded(task, "test"), classes
    labels = data.read_labels(
        _builder(task.images), "train", data.image_classes(_builder(task.images))
    )
    order = np.random.default_rng(task.seed).permutation(len(labels))
    few = [order[labels[order] == c][: task.a_class] for c in range(classes)]
    return _decoded(task, "train", np.sort(np.concatenate(few))), _decoded(task, "test"), classes


def _builder(name: str) -> Any:
    from benchmarks.data import data_dir
    from cells import data

    return data.builder(name, data_dir())


def _decoded(task: Task, split: str, numbers: np.ndarray | None = None) -> Pair:
    import tensorflow as tf

    from cells import data
    from cells.data.preprocessing import resize, with_channels

    builder = _builder(task.images)
    classes = data.image_classes(builder)
    if numbers is None:
        numbers = np.arange(data.split_size(builder, split))
    labels = data.read_labels(builder, split, classes)
    pixels = []
    for example in data.examples_at(builder, split, classes, numbers):
        image = with_channels(example[classes.image_key], 3)
        if image.shape[:2] != (task.pixels, task.pixels):
            image = tf.round(resize(image, (task.pixels, task.pixels)))
        pixels.append(tf.cast(tf.clip_by_value(image, 0, 255), tf.uint8).numpy())
    return np.stack(pixels), labels[numbers]


def main() -> None:
    """One training: its task as JSON, the cost table, and the file of the result."""
    text, costs, result = sys.argv[1:]
    asked = json.loads(text)
    asked["contestant"] = Contestant(**asked["contestant"])
    try:
        found = train(Task(**asked), pathlib.Path(costs))
    except Stopped as stop:
        sys.exit(128 + stop.signum)
    pathlib.Path(result).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
