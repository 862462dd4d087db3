"""The number of parameters as a score: costs nothing, and every other score must beat it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cell_search.evaluators._base import EVALUATORS, Request, Score
from cell_search.evaluators._child_network import ChildEvaluator, child_sizes


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

    normal_cells: int = 2
    filters: int = 32
    size: int = 32
    num_classes: int = 10

    def score(self, request: Request) -> Score:
        assert request.genotype is not None
        config = self.child(request.genotype, (self.size, self.size), self.num_classes)
        return Score(child_sizes(request.genotype, config))

    def metrics(self) -> tuple[str, ...]:
        return ("parameters", "multiply_adds")
