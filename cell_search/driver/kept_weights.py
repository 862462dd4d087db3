"""Weights that evaluators keep between requests: gone as soon as nobody needs them."""

from __future__ import annotations

from cell_search.evaluators import Evaluator
from cell_search.strategies import Strategy


class Weights:
    """Removes what was kept for trials that are over and will have no children any more.

    Args:
        folder: where it lies, a path or a URL.
        evaluator: knows what was kept.
        strategy: knows who may still have children.
    """

    def __init__(self, folder: str, evaluator: Evaluator, strategy: Strategy):
        self.folder = folder
        self._evaluator, self._strategy = evaluator, strategy
        self._parents: dict[int, int | None] = {}
        self._forgotten: set[int] = set()

    def begins(self, number: int, parent: int | None) -> None:
        """A trial is under way, and its parent's weights are needed until it is over.

        Args:
            number: of the trial.
            parent: the trial whose weights it may start from.
        """
        self._parents[number] = parent

    def ends(self, number: int, *, succeeded: bool) -> None:
        """A trial is over.

        Args:
            number: of the trial.
            succeeded: whether it has a reward.
        """
        self._evaluator.forget(self.folder, number, succeeded=succeeded)
        self._parents.pop(number, None)
        gone = (
            set(self._strategy.disposable_trials()) - set(self._parents.values()) - self._forgotten
        )
        for dead in gone:
            self._evaluator.forget(self.folder, dead, succeeded=False)
        self._forgotten |= gone
