"""The winner trains on, with all images, until the time is over; then it is a run of its own."""

from __future__ import annotations

import json
import shutil
import time
from typing import Any

import tensorflow as tf

from auto.context import Run
from auto.entrants import Entrant
from auto.race import LOOK, Keeper, Race
from auto.test_split import Divided
from cell_search.recipes.training import WholeTraining

#: By such a part of the budget the end may miss the time that is left before it is moved.
MISS = 0.01

#: What follows the training: building the network three times, files, report, in seconds; and the
#: time of the test images, which a busy machine lengthens.
FIXED, LONGER = 18.0, 1.3

#: Images by which the time of the test is known.
_TIMED = 250


def train(run: Run, divided: Divided, race: Race) -> dict[str, Any]:
    """Trains the winner to the end of the budget, or goes on with it.

    Args:
        run: the run.
        divided: its images.
        race: which is over.

    Returns:
        `network`, `cells`, `normal_cells`, `filters`; `steps`, `of_race` (how many of them were
        made there), `batch`, `epochs`; and `plans`: at which step which end was set.
    """
    entrant, training = race.winner(run.results["race"]["winner"])
    of_race, path = training.steps, run.folder / "race" / "final.npz"
    training.give_images(race.everything(entrant))
    if path.exists():
        training.restore(path)
    if "kept_back" not in run.results:
        run.record.keep("kept_back", _time_after(race, entrant, training, divided))
    run.budget.kept_back = run.results["kept_back"]
    _prolong(run, training, path, race.costs[entrant.name].wall)
    _adopt(run, divided, entrant, training)
    return {
        "network": entrant.name,
        "cells": entrant.cells,
        "normal_cells": entrant.normal_cells,
        "filters": entrant.filters,
        "steps": training.steps,
        "of_race": of_race,
        "batch": training.images.batch,
        "epochs": training.steps * training.images.batch / divided.training,
        "plans": run.results.get("plans", []),
    }


def _time_after(race: Race, entrant: Entrant, training: WholeTraining, divided: Divided) -> float:
    """Seconds of test and export: on a busy machine, longer by what a step takes beyond its time of
    the processor."""
    cost = race.costs[entrant.name]
    busier = 1.0 if tf.config.list_physical_devices("GPU") else max(1.0, cost.wall / cost.processor)
    pixels = race.images(entrant).held_out[0][:_TIMED]
    training.probabilities(pixels, training.views)
    began = time.monotonic()
    training.probabilities(pixels, training.views)
    return FIXED * busier + LONGER * divided.testing * (time.monotonic() - began) / len(pixels)


def _prolong(run: Run, training: WholeTraining, path: Any, pace: float) -> None:
    """Trains until the time is over: the end is moved as the clock says, and each move recorded.

    Where the rate falls already, the end only comes nearer.

    Args:
        run, training: whose it is.
        path: where the training is kept.
        pace: seconds of a step, to begin with.
    """
    keeper, plans = Keeper(run), run.results.get("plans", [])
    # What was decided after the training was saved is decided again alike.
    ahead = [plan for plan in plans if plan[0] >= training.steps]
    least = training.steps + (0 if training.steps else training.images.per_epoch)

    def decide() -> int:
        end = training.steps + int(max(run.budget.left("training"), 0.0) / pace)
        training.plan(max(end, least))
        plans.append([training.steps, training.planned])
        run.record.keep("plans", plans)
        return max(end, least)

    end = decide() if not plans else training.planned or 0
    while ahead or training.steps < end:
        if ahead and training.steps == ahead[0][0]:
            end = ahead.pop(0)[1]
            training.plan(end)
            continue
        look = max(1, round(LOOK / pace))
        if ahead:
            look = min(look, ahead[0][0] - training.steps)
        before, began = training.steps, time.monotonic()
        loss = training.run(look)
        keeper.look(training, path)
        # A moving average, since other processes come and go.
        pace = 0.8 * pace + 0.2 * (time.monotonic() - began) / (training.steps - before)
        left, steps = run.budget.left("training"), end - training.steps
        if not ahead and steps and _misses(run, training, steps, steps * pace - left):
            end = decide()
        run.screen.now(f"step {training.steps:,} of {end:,}, loss {loss:.3f}")
    training.save(path)


def _misses(run: Run, training: WholeTraining, steps: int, late: float) -> bool:
    """Whether the end would miss the time by too much; once the rate falls, only if it is late."""
    miss = MISS * run.budget.total
    falls = steps <= training.recipe.decay * (training.planned or 0)
    return late > miss or (late < -miss and not falls)


def _adopt(run: Run, divided: Divided, entrant: Entrant, training: WholeTraining) -> None:
    """Writes the folder that `cell-transfer` reads."""
    from transfer.config import configure
    from transfer.training import adopt

    values = _values(run, divided, entrant, training)
    params = configure.configure(
        configure.experiment(), override=json.dumps(values), genotype=str(run.genotype)
    )
    # Of a call that was stopped here.
    shutil.rmtree(run.model_dir, ignore_errors=True)
    adopt.adopt(str(run.model_dir), params, training.network(), training.steps)


def _values(
    run: Run, divided: Divided, entrant: Entrant, training: WholeTraining
) -> dict[str, Any]:
    """What the experiment `cells_classification` is overridden with."""
    asked, recipe, batch = run.settings, training.recipe, training.images.batch
    data = {"tfds_name": divided.folder}
    mirrored, shift = recipe.flip, max(view.down for view in training.views)
    return {
        "task": {
            "seed": asked.seed,
            "model": {
                "input_size": [entrant.side(run), entrant.side(run), 3],
                **entrant.model_values(),
            },
            # Weight decay is counted here as half of the factor of the squares.
            "losses": {"l2_weight_decay": 2.0 * recipe.l2, "label_smoothing": recipe.smoothing},
            "train_data": {
                **data,
                "tfds_split": "train",
                "global_batch_size": batch,
                "shuffle_buffer_size": min(divided.training, 20_000),
                "aug_shift": recipe.shift,
                "aug_rand_hflip": recipe.flip,
                "aug_cutout": recipe.cutout,
                "seed": asked.seed,
            },
            "validation_data": {
                **data,
                "tfds_split": divided.test,
                "global_batch_size": min(divided.testing, 250),
            },
            "evaluation": {"mirrored": mirrored, "shift": shift},
        },
        "trainer": {"train_steps": training.steps, "validation_interval": training.steps},
    }
