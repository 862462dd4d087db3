"""Pictures of cells, drawn once in a process."""

from __future__ import annotations

from html import escape
from typing import Any

from optuna.trial import FrozenTrial

from cell_search.space.space import GenotypeSpace
from cells import drawing
from cells.support.html import data_url

#: So many are remembered.
_KEPT = 256

_drawn: dict[Any, str] = {}


class Pictures:
    """Draws cells for one page.

    Args:
        limit: so many are drawn at most, beside those that earlier pages had; None: no limit. A
            drawing takes a third of a second, for which a driver's workers may have to wait.
    """

    def __init__(self, limit: int | None = None):
        self._left = limit

    def of(self, space: GenotypeSpace, trial: FrozenTrial) -> str:
        """A picture of a trial's cells; says so where there is none yet."""
        key = (space, *(trial.params[d.name] for d in space.decisions))
        if key not in _drawn:
            if self._left == 0:
                return "<p>The picture comes with the next page.</p>"
            if self._left is not None:
                self._left -= 1
            if len(_drawn) >= _KEPT:
                del _drawn[next(iter(_drawn))]
            _drawn[key] = data_url(
                drawing.adaptive_svg(space.decode(trial.params)).encode(),
                "image/svg+xml",
            )
        alternative = escape(f"{space.one.capitalize()} of trial {trial.number}", quote=True)
        return f'<img src="{_drawn[key]}" loading=lazy alt="{alternative}">'
