"""The steps, one after the other: what each does is done by the other stages.

A step that is over is not done again; one that was stopped, even killed, goes on where it was.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from auto import plan, search_step, test_split, training_step
from auto.context import Run
from auto.test_split import Divided
from cells.genotype import catalogue, genotype_file
from cells.genotype.genotype import Genotype

#: What is exported.
FORMATS = ("keras", "tflite")


def take(run: Run) -> dict[str, Any]:
    """Takes all steps of a run that were not taken yet.

    Returns:
        The results of each by its name.

    Raises:
        UserError: the images cannot be used, or no cells can be trained on them.
        Interruption, Stopped: by a signal; what is finished is kept.
    """
    divided = Divided(**run.step("images", lambda: _divide(run)))
    genotype_file.write(_cells(run, divided), run.genotype)
    run.step("training", lambda: training_step.train(run, divided))
    run.step("test", lambda: _test(run))
    run.step("export", lambda: _export(run))
    return run.results


def _cells(run: Run, divided: Divided) -> Genotype:
    """The cells to train."""
    if run.settings.genotype:
        return catalogue.find(run.settings.genotype)
    if run.settings.search:
        run.step("search", lambda: search_step.search(run, divided))
        return run.cells(run.step("rerank", lambda: search_step.rerank(run, divided))["chosen"])
    name = plan.PUBLISHED[0]
    print(f"nothing is searched, as --search or --budget say: trains {name}", flush=True)
    return run.cells(name)


def _divide(run: Run) -> dict[str, Any]:
    with run.interruptible.block():
        divided = test_split.divide(run.images, run.folder / "data", run.settings.seed)
    return dataclasses.asdict(divided)


def _test(run: Run) -> dict[str, Any]:
    from transfer.api import evaluate

    with run.interruptible.block():
        result = evaluate(run.model_dir)
    return {**result.metrics, "by_class": result.by_class}


def _export(run: Run) -> dict[str, Any]:
    from transfer.exporting.export import export

    with run.interruptible.block():
        return export(run.model_dir, run.exported, FORMATS)
