"""Settings of a child's training as the transfer stage calls them, as `a.b.c: value`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cells.network import presets

_RATE = "trainer.optimizer_config.learning_rate.cosine.initial_learning_rate"

#: What the transfer stage calls a setting, and what it makes of its value: weight decay is counted
#: there as half of the factor of the squares. `epochs` and `batch` have no counterpart, since the
#: winner is trained longer.
_COUNTERPARTS: dict[str, dict[str, Callable[[Any], Any]]] = {
    "learning_rate": {_RATE: float},
    "l2": {"task.losses.l2_weight_decay": lambda l2: 2.0 * l2},
    "momentum": {"trainer.optimizer_config.optimizer.sgd.momentum": float},
    "stem": {"task.model.cells.network": presets.OF_STEM.get},
    "empty_group": {"task.model.cells.empty_group": int},
    "clip": {"trainer.optimizer_config.optimizer.sgd.global_clipnorm": float},
    "drop_path_keep": {"task.model.cells.drop_path_keep": float},
    "auxiliary_weight": {
        "task.model.auxiliary_head": lambda weight: weight > 0.0,
        "task.losses.auxiliary_weight": float,
    },
}


def transfer_values(settings: Mapping[str, Any], child_batch: int, batch: int) -> dict[str, Any]:
    """What has a counterpart in the transfer stage.

    Args:
        settings: by name, as in `Train`; what has no counterpart is left out.
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
