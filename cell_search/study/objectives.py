"""What a search wants more of, or less: metrics of the evaluator, by name.

    objectives: [accuracy, -parameters]

Without a sign larger is better, after a minus smaller. The first objective orders what is shown
in a row; of several, the front is what counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cells.support.errors import UserError, require_known


@dataclass(frozen=True)
class Objective:
    """One metric and its direction.

    Attributes:
        metric: its name in `Result.metrics`.
        maximize: whether larger is better.
    """

    metric: str
    maximize: bool = True

    @property
    def sign(self) -> float:
        """What turns a value into one of which larger is better."""
        return 1.0 if self.maximize else -1.0

    @property
    def direction(self) -> str:
        """As Optuna calls it."""
        return "maximize" if self.maximize else "minimize"


def parse(names: Sequence[str], reward: str, metrics: Sequence[str]) -> tuple[Objective, ...]:
    """The objectives of a configuration.

    Args:
        names: metrics, after a minus where smaller is better; empty for the reward alone.
        reward: of the evaluator.
        metrics: all that the evaluator returns.

    Raises:
        UserError: one is unknown, or named twice.
    """
    objectives: list[Objective] = []
    for name in names:
        if not isinstance(name, str):
            raise UserError(f"objectives: {name!r} is not a name of a metric")
        metric = require_known("objectives", name.removeprefix("-").strip(), metrics, "metric")
        if metric in [o.metric for o in objectives]:
            raise UserError(f"objectives: {metric!r} is named twice")
        objectives.append(Objective(metric, maximize=not name.startswith("-")))
    return tuple(objectives) or (Objective(reward),)
