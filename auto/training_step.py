"""The training: as large a network, and as many steps, as the time that remains allows."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from typing import Any

from auto import plan
from auto.context import Run
from auto.pace import Pace
from auto.test_split import Divided
from cells.genotype import genotype_file

#: A share of the budget that lies between two looks at the clock, and seconds at least and at most.
_LOOP, _LOOP_LEAST, _LOOP_MOST = 0.005, 2.0, 30.0

#: By such shares of the budget the training may miss its end; beyond, it gets another one.
_LATE, _EARLY = 0.02, 0.1


def train(run: Run, divided: Divided) -> dict[str, Any]:
    """Trains the classifier, or goes on with it.

    Returns:
        `steps`, `batch`, `epochs`, `normal_cells` and `filters`.
    """
    import tf_keras

    from transfer.config import configure
    from transfer.training import runner

    batch, budget, asked = plan.batch_of(divided), run.budget, run.settings
    if "plan" not in run.results:
        pace = run.results.get("search", {}).get("pace", plan.PACE)
        _plan(run, divided, plan.NETWORKS[0], 0, pace, 0.0)
    looks = 1
    while True:
        network, steps, loop = run.results["plan"]
        values = plan.training_values(
            divided,
            str(run.genotype),
            tuple(network),
            size=asked.size,
            flip=asked.flip,
            seed=asked.seed,
            steps=steps,
            loop=loop,
        )
        params = configure.configure(configure.experiment(), override=json.dumps(values))
        seen = Pace(
            lambda: budget.left("training"),
            steps,
            # What is as short as can be is not begun again to be shorter.
            late=_LATE * budget.total if steps > plan.least_steps(divided) else math.inf,
            early=_EARLY * budget.total,
            looks=looks,
        )
        looks *= 2
        runner.run(params, "train", str(run.model_dir), enough=seen.enough)
        tf_keras.backend.clear_session()
        if not seen.step or seen.step >= steps:
            break
        pace = seen.seconds / (batch * _work(run, divided, network))
        _plan(run, divided, tuple(network), seen.step, pace, seen.startup)
    return {
        "steps": steps,
        "batch": batch,
        "epochs": steps * batch / divided.training,
        "normal_cells": network[0],
        "filters": network[1],
    }


def _plan(
    run: Run,
    divided: Divided,
    network: tuple[int, int],
    step: int,
    pace: float,
    startup: float,
) -> None:
    """Decides on the network, the steps of its training and those of a loop.

    A larger network than before begins anew.

    Args:
        run: whose plan it is.
        divided: the images.
        network: N and F so far.
        step: of its training so far.
        pace: seconds of a multiply-add in training.
        startup: seconds that building takes.
    """
    batch, cells = plan.batch_of(divided), genotype_file.read(run.genotype)
    left = max(run.budget.left("training") - startup, 0.0)
    larger = plan.network_of(cells, divided, size=run.settings.size, seconds=left, pace=pace)
    if plan.NETWORKS.index(larger) > plan.NETWORKS.index(network):
        shutil.rmtree(run.model_dir, ignore_errors=True)
        network, step = larger, 0
    seconds = pace * batch * _work(run, divided, network)
    # Whatever has become of the time, there is a training.
    steps = max(step + int(left / seconds), plan.least_steps(divided), step + 1)
    loop = min(max(_LOOP * run.budget.total, _LOOP_LEAST), _LOOP_MOST)
    run.record.keep("plan", [network, steps, max(1, round(loop / seconds))])


def _work(run: Run, divided: Divided, network: Sequence[int]) -> int:
    """Multiply-adds of an image."""
    cells = genotype_file.read(run.genotype)
    return plan.multiply_adds(cells, run.settings.size, len(divided.classes), *network)
