"""Training settings that are searched along with the cells, and what becomes of them.

    settings: {learning_rate: [0.01, 0.03, 0.1], l2: [1.0e-4, 5.0e-4]}

Each is a field of the evaluator and a further decision of the space.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cell_search.evaluators import Evaluator
from cell_search.space.space import Decision
from cells.support import settings
from cells.support.errors import UserError, unknown

#: The kind of these decisions.
KIND = "setting"

_PREFIX = "setting/"


def decisions(choices: Mapping[str, Sequence[Any]], evaluator: Evaluator) -> tuple[Decision, ...]:
    """The decisions `setting/NAME`.

    Args:
        choices: by the name of the setting.
        evaluator: whose settings they are; its values say of which type.

    Raises:
        UserError: it has no such setting, a choice has another type, or nothing is left to
            decide.
    """
    known = {f.name: getattr(evaluator, f.name) for f in dataclasses.fields(evaluator)}  # type: ignore[arg-type]
    for name, values in choices.items():
        where = f"settings.{name}"
        if name not in known:
            raise unknown("settings", name, known, "setting of the evaluator")
        for value in values:
            if fault := settings.fault_of(type(evaluator), name, value):
                raise UserError(f"{where}: {fault}")
        if len(set(values)) < max(len(values), 2):
            raise UserError(
                f"{where}: give two or more different choices, not {list(values)}; a fixed value "
                "belongs to the evaluator's section"
            )
    return tuple(Decision(f"{_PREFIX}{n}", tuple(v), KIND) for n, v in choices.items())


def chosen(point: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a point decides, by name."""
    return {
        name.removeprefix(_PREFIX): value
        for name, value in point.items()
        if name.startswith(_PREFIX)
    }


def train_values(settings: Mapping[str, Any], child_batch: int, batch: int) -> dict[str, Any]:
    """Settings of a child's training as `cell-transfer` calls them, as `a.b.c: value`.

    Args:
        settings: by name, as the evaluator `train` has them.
        child_batch: images of a step of the child.
        batch: images of a step of the transfer stage. The learning rate grows in proportion to
            it (Goyal et al. 2017, section 2.1).
    """
    values: dict[str, Any] = {}
    for name, value in settings.items():
        for path, converted in _COUNTERPARTS.get(name, {}).items():
            values[path] = converted(value)
    if _RATE in values:
        values[_RATE] = float(f"{values[_RATE] * batch / child_batch:.6g}")
    return values


_RATE = "trainer.optimizer_config.learning_rate.cosine.initial_learning_rate"

#: What the transfer stage calls a setting, and what it makes of its value: weight decay is counted
#: there as half of the factor of the squares. `flip`, `shift`, `cutout`, N and F are handed on
#: anyhow; `epochs` and `batch` have no counterpart, since the winner is trained longer.
_COUNTERPARTS: dict[str, dict[str, Callable[[Any], Any]]] = {
    "learning_rate": {_RATE: float},
    "l2": {"task.losses.l2_weight_decay": lambda l2: 2.0 * l2},
    "momentum": {"trainer.optimizer_config.optimizer.sgd.momentum": float},
    "clip": {"trainer.optimizer_config.optimizer.sgd.global_clipnorm": float},
    "drop_path_keep": {"task.model.cells.drop_path_keep": float},
    "auxiliary_weight": {
        "task.model.auxiliary_head": lambda weight: weight > 0.0,
        "task.losses.auxiliary_weight": float,
    },
}
