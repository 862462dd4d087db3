"""What evaluators share whose candidates are parts of one network, trained with it."""

from __future__ import annotations

from typing import ClassVar

from cell_search.evaluators._base import Augmentation, Evaluator
from cell_search.evaluators._child_network import ChildEvaluator
from cell_search.evaluators.train.settings import Train


class OneNetworkEvaluator(ChildEvaluator):
    """An evaluator with weights that all candidates share; a re-ranking trains each alone.

    It is no dataclass itself, so that the order of fields is the subclass's own.

    Attributes:
        flip: whether images are mirrored at random.
        shift: pixels by which they are moved at random, at most.
    """

    one_at_a_time: ClassVar[bool] = True

    flip: bool
    shift: int

    def from_scratch(self) -> Evaluator:
        return Train(
            normal_cells=self.normal_cells, filters=self.filters, flip=self.flip, shift=self.shift
        )

    @property
    def augmentation(self) -> Augmentation:
        return Augmentation(self.flip, self.shift)
