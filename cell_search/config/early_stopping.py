"""Early stopping: looks at a child in the middle of its training, and Optuna's pruners.

    pruner: {type: successive_halving, rungs: [2, 6], successive_halving: {reduction_factor: 3}}

A rung is a number of epochs after which a child is scored; the pruner then says whether it goes on.
Only the driver talks to the pruner. To a worker a rung is a request like any other.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial

from cell_search.evaluators import Evaluator, Result
from cell_search.strategies import trial_of
from cell_search.study import trials
from cell_search.study.objectives import Objective
from cells.support.errors import UserError
from cells.support.registry import Registry
from cells.support.settings import setting

#: Pruners by name: frozen dataclasses whose fields are Optuna's arguments.
PRUNERS: Registry[type[PrunerSettings]] = Registry("pruner.type")


class PrunerSettings(abc.ABC):
    """The settings of a pruner."""

    @abc.abstractmethod
    def make(self, first: int, last: int) -> BasePruner:
        """Makes the pruner.

        Args:
            first: the first rung, in epochs.
            last: the epochs of a whole training.

        Raises:
            ValueError: a setting is impossible.
        """


@PRUNERS.register("none")
@dataclass(frozen=True)
class NoPruner(PrunerSettings):
    """Every child is trained to its end."""

    def make(self, first: int, last: int) -> BasePruner:
        return optuna.pruners.NopPruner()


@PRUNERS.register("successive_halving")
@dataclass(frozen=True)
class SuccessiveHalving(PrunerSettings):
    """Asynchronous successive halving (Li et al. 2020); `min_resource` 0 is the first rung."""

    min_resource: int = setting(0, least=0)
    reduction_factor: int = setting(4, least=2, most=1000)
    min_early_stopping_rate: int = setting(0, least=0, most=1000)
    bootstrap_count: int = setting(0, least=0)

    def make(self, first: int, last: int) -> BasePruner:
        return optuna.pruners.SuccessiveHalvingPruner(
            **{**vars(self), "min_resource": self.min_resource or first}
        )


@PRUNERS.register("hyperband")
@dataclass(frozen=True)
class Hyperband(PrunerSettings):
    """Hyperband (Li et al. 2018): halving that begins at the first rung, or at later ones.

    `min_resource` 0 is the first rung, `max_resource` 0 the end of the training.
    """

    min_resource: int = setting(0, least=0)
    max_resource: int = setting(0, least=0)
    reduction_factor: int = setting(3, least=2, most=1000)
    bootstrap_count: int = setting(0, least=0)

    def make(self, first: int, last: int) -> BasePruner:
        least, most = self.min_resource or first, self.max_resource or last
        # Optuna looks at these only when it first prunes.
        optuna.pruners.SuccessiveHalvingPruner(
            least, self.reduction_factor, 0, self.bootstrap_count
        )
        if most < least:
            raise ValueError(f"max_resource {most} is less than min_resource {least}")
        return optuna.pruners.HyperbandPruner(
            least, most, self.reduction_factor, self.bootstrap_count
        )


@PRUNERS.register("median")
@dataclass(frozen=True)
class Median(PrunerSettings):
    """A child goes on if its best so far is no worse than the median of the others there."""

    n_startup_trials: int = setting(5, least=0)
    n_warmup_steps: int = setting(0, least=0)
    interval_steps: int = setting(1, least=1)
    n_min_trials: int = setting(1, least=1)

    def make(self, first: int, last: int) -> BasePruner:
        return optuna.pruners.MedianPruner(**vars(self))


@dataclass(frozen=True)
class Rungs:
    """When children are looked at, and what becomes of them.

    Attributes:
        epochs: the rungs, ascending; none: every child is trained to its end at once.
        last: epochs of a whole training.
        metric: what the pruner is told.
        pruner: decides.
    """

    epochs: tuple[int, ...] = ()
    last: int = 0
    metric: str = ""
    pruner: BasePruner = dataclasses.field(default_factory=optuna.pruners.NopPruner)

    def until(self, trial: FrozenTrial | None) -> int:
        """The epochs after which a trial is looked at next; 0 where there is no further rung.

        Args:
            trial: with what is known of it; None for a new one.
        """
        passed = trial.last_step if trial is not None else None
        return next((e for e in self.epochs if passed is None or e > passed), 0)

    def record(self, study: optuna.Study, number: int, result: Result) -> bool:
        """Records the result of a rung, if it is one.

        Args:
            study: the study.
            number: of the trial.
            result: of the part of the training from the rung before on.

        Returns:
            Whether it is; if not, the trial is over.
        """
        trial = trial_of(study, number)
        value = result.metrics.get(self.metric)
        if not self.epochs or result.failure is not None or value is None:
            return False
        if until := self.until(trial):
            trials.reach(study, trial, until, value, result)
        return bool(until)

    def prunes(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether a trial that has passed a rung ends there.

        Args:
            study: the study.
            trial: a trial of a study.
        """
        return trial.last_step in self.epochs and self.pruner.prune(study, trial)


def resolve(
    kind: str,
    epochs: Sequence[Any],
    arguments: Mapping[str, Any],
    evaluator: Evaluator,
    last: int,
    objectives: Sequence[Objective],
) -> Rungs:
    """The rungs that a configuration describes.

    Args:
        kind: of pruner.
        epochs: the rungs.
        arguments: the pruner's.
        evaluator: what trains the children.
        last: the epochs of a whole training, the fewest where they differ.
        objectives: of the search; the pruner is told the metric of the one.

    Raises:
        UserError: the evaluator cannot stop and go on, or something is impossible.
    """
    settings = PRUNERS.find(kind)
    if kind == "none":
        return Rungs()
    if not evaluator.resumable:
        raise UserError(
            f"pruner.type: {kind!r} stops trainings early, and {type(evaluator).__name__} has none "
            "that could go on; use the evaluator 'train', or pruner.type=none"
        )
    if len(objectives) > 1:
        raise UserError(
            f"pruner.type: {kind!r} goes by one objective, but there are {len(objectives)}; use "
            "one, or pruner.type=none"
        )
    whole = all(isinstance(e, int) and not isinstance(e, bool) for e in epochs)
    if not epochs or not whole or list(epochs) != sorted({*epochs}) or epochs[0] < 1:
        raise UserError(
            f"pruner.rungs: {list(epochs)} are not valid rungs; give the epochs after which a "
            f"child is looked at in ascending order, such as [{max(last // 4, 1)}]"
        )
    if epochs[-1] >= last:
        raise UserError(
            f"pruner.rungs: {epochs[-1]} is not before the end of a training of {last} epochs; "
            "use smaller ones, or more epochs"
        )
    try:
        pruner = settings(**arguments).make(epochs[0], last)
    except (TypeError, ValueError) as error:
        raise UserError(f"pruner.{kind}: {' '.join(str(error).split())}") from None
    return Rungs(tuple(epochs), last, objectives[0].metric, pruner)
