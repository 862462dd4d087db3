"""The number of parameters as a score: costs nothing, and every other score must beat it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cell_search.evaluators._base import EVALUATORS, Score
from cell_search.evaluators._child_network import ChildEvaluator, child_sizes
from cell_search.evaluators._request import Request
from cell_search.images import ImageSettings
from cells.network.stack_config import MAX_CELLS, MAX_CLASSES, MAX_FILTERS, MAX_SIDE
from cells.operations.primitives import Size
from cells.support.settings import setting


@EVALUATORS.register("parameters")
@dataclass(frozen=True)
class Parameters(ChildEvaluator):
    """Counts the child's trainable parameters from its layout; trains nothing, reads no image.

    The control for other scores: on NAS-Bench-201 it ranks cells about as well as synflow.

    Attributes:
        normal_cells: N.
        filters: F.
        size: height and width of the images.
        num_classes: classes.
    """

    reward: ClassVar[str] = "parameters"
    whole_networks: ClassVar[bool] = True

    normal_cells: int = setting(2, least=1, most=MAX_CELLS)
    filters: int = setting(32, least=2, most=MAX_FILTERS)
    size: int = setting(32, least=1, most=MAX_SIDE)
    num_classes: int = setting(10, least=1, most=MAX_CLASSES)

    def score(self, request: Request) -> Score:
        config = self.child(request.network, (self.size, self.size), self.num_classes)
        return Score(child_sizes(request.network, config))

    def _size_and_classes(self, images: ImageSettings) -> tuple[Size, int]:
        return (self.size, self.size), self.num_classes

    def metrics(self) -> tuple[str, ...]:
        return ("parameters", "multiply_adds")
