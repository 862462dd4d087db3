"""The training: as large a network, and as many steps, as the time that remains allows."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Sequence
from typing import Any

from auto import plan
from auto.context import Run
from auto.test_split import Divided
from cells.genotype import genotype_file

#: A share of the budget that lies between two looks at the clock, and seconds at least and at most.
_LOOP, _LOOP_LEAST, _LOOP_MOST = 0.005, 2.0, 30.0

#: By such shares of the budget the training may miss its end; beyond, it gets another one.
_LATE, _EARLY = 0.02, 0.1

#: Seconds of steps, behind the first loop, from which the pace of a training is told.
_PROBE = 4.0


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


class Pace:
    """Looks at one run of a training, loop by loop.

    Args:
        left: gives the seconds that are left.
        steps: at which the training is to end.
        late, early: by so many seconds the end may miss the time that is left; what another
            beginning costs comes on top.
        looks: by so much longer the pace is looked at before it is known. Where others share the
            machine it changes: who doubles this each time begins again a few times at most.

    Attributes:
        step: the last; 0 before the first loop.
        startup: seconds until the first loop was over: building and tracing.
        seconds: of a step, once they are known.
    """

    def __init__(
        self, left: Callable[[], float], steps: int, *, late: float, early: float, looks: int = 1
    ):
        self._left, self._steps, self._late, self._early = left, steps, late, early
        self._looks = looks
        self._began = time.monotonic()
        self._first: tuple[int, float] | None = None
        self.step = 0
        self.startup = self.seconds = 0.0

    def enough(self, step: int) -> bool:
        """Behind a loop: whether to stop there, since the end would miss the time."""
        now = time.monotonic()
        self.step = step
        if self._first is None:
            # The first loop builds and traces.
            self._first, self.startup = (step, now), now - self._began
            return False
        since, done = now - self._first[1], step - self._first[0]
        self.seconds = since / done
        over = (self._steps - step) * self.seconds - self._left()
        # Another beginning costs the startup: as long the pace is looked at, but not to the end.
        known = (
            since >= self._looks * max(_PROBE, self.startup)
            or 2 * done >= self._steps - self._first[0]
        )
        return known and not -self._early - self.startup <= over <= self._late + self.startup
