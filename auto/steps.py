"""The steps, one after the other: what each does is done by the other stages.

A step that is over is not done again; one that was stopped, even killed, goes on where it was.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

from auto import final_training, precision, search_step, test_split
from auto.context import Run
from auto.race import Race
from auto.test_split import Divided
from cells.data import conversion
from cells.kinds import files as kinds

#: What is exported.
FORMATS = ("keras", "tflite")


def take(run: Run) -> dict[str, Any]:
    """Takes all steps of a run that were not taken yet.

    Returns:
        The results of each by its name.

    Raises:
        UserError: the images cannot be used, or no network can be trained on them.
        Interruption, Stopped: by a signal; what is finished is kept.
    """
    divided = Divided(**run.step("images", lambda: _divide(run)))
    if "training" not in run.results:
        with precision.used(run):
            if run.settings.search:
                run.step("search", lambda: search_step.search(run, divided))
            _train(run, divided)
    run.step("test", lambda: _test(run))
    run.step("export", lambda: _export(run))
    return run.results


def _train(run: Run, divided: Divided) -> None:
    race = Race(run, divided)
    begun = run.step("race", race.take)
    kinds.write(run.cells(race.best_cells(begun)), run.genotype)
    run.step("training", lambda: final_training.train(run, divided, race))


def _divide(run: Run) -> dict[str, Any]:
    with run.interruptible.block():
        divided = test_split.divide(run.images, run.folder / "data", run.settings.seed)
    for line in conversion.described(pathlib.Path(divided.folder))[1:]:  # What was left out.
        print(f"  {line}", flush=True)
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
