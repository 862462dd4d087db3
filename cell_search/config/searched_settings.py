"""Training settings that are searched along with the cells.

    settings: {learning_rate: [0.01, 0.03, 0.1], l2: [1.0e-4, 5.0e-4]}

Each is a field of the evaluator and a further decision of the space.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from cell_search.evaluators import Evaluator
from cell_search.space.space import Decision
from cells.support import settings
from cells.support.errors import UserError, require_known

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
    known = dataclasses.asdict(evaluator)
    for name, values in choices.items():
        where = f"settings.{name}"
        require_known("settings", name, known, "setting of the evaluator")
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
    """The settings that a point decides, by name.

    Args:
        point: a choice for each decision, by name.
    """
    return {
        name.removeprefix(_PREFIX): value
        for name, value in point.items()
        if name.startswith(_PREFIX)
    }


def present(settings: Sequence[Decision], evaluator: Evaluator) -> dict[str, Any]:
    """What the evaluator itself has, as choices; of a decision without that choice the first.

    Args:
        settings: decisions from `decisions`.
        evaluator: whose settings they are.
    """
    values = dataclasses.asdict(evaluator)
    wanted = {d.name: values[d.name.removeprefix(_PREFIX)] for d in settings}
    return {
        d.name: wanted[d.name] if wanted[d.name] in d.choices else d.choices[0] for d in settings
    }
