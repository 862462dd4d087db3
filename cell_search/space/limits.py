"""Hard limits of a candidate's size, known from its cells before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cells.kinds.files import ImageGenotype
from cells.network import presets
from cells.network.stack import stack
from cells.network.stack_config import MAX_CELLS, MAX_CLASSES, MAX_FILTERS, MAX_SIDE
from cells.operations.counts import summarize
from cells.support.errors import UserError
from cells.support.settings import setting


@dataclass(frozen=True)
class Limits:
    """What a candidate may cost as a network of a named kind, which need not be the child.

    Attributes:
        network: one of `cells.network.presets.NETWORKS`.
        multiply_adds: of one image, at most; 0: no limit.
        parameters: trainable ones, at most; 0: no limit.
        step_seconds: of the child, by the search's cost table, at most; 0: no limit.
        inference_ms: the same for its answer to one image.
        normal_cells: N of that network; 0: its own.
        filters: F of that network; 0: its own.
        image_size: height and width of its images; 0: its own.
        num_classes: 0: its own.
    """

    network: str = "imagenet_mobile"
    multiply_adds: float = setting(0.0, least=0)
    parameters: float = setting(0.0, least=0)
    step_seconds: float = setting(0.0, least=0)
    inference_ms: float = setting(0.0, least=0)
    normal_cells: int = setting(0, least=0, most=MAX_CELLS)
    filters: int = setting(0, least=0, most=MAX_FILTERS)
    image_size: int = setting(0, least=0, most=MAX_SIDE)
    num_classes: int = setting(0, least=0, most=MAX_CLASSES)

    @property
    def any(self) -> bool:
        """Whether there is a limit."""
        return bool(self.multiply_adds or self.parameters or self.costs)

    @property
    def costs(self) -> dict[str, float]:
        """The limits of what a cost table predicts, by name."""
        wanted = {"step_seconds": self.step_seconds, "inference_ms": self.inference_ms}
        return {name: value for name, value in wanted.items() if value}

    def __str__(self) -> str:
        wanted = [
            f"{value:,.0f} {name}"
            for name, value in (
                ("multiply-adds", self.multiply_adds),
                ("parameters", self.parameters),
            )
            if value
        ]
        sizes = [f"{' and '.join(wanted)} as {self.network}"] if wanted else []
        costs = [f"{value:g} {name}" for name, value in self.costs.items()]
        return f"limits: at most {' and '.join([*sizes, *costs])}"

    def check(self, genotype: ImageGenotype) -> None:
        """Raises a UserError where no candidate could be measured.

        Args:
            genotype: any.
        """
        if self.any:
            try:
                self.allow(genotype)
            except UserError as error:
                raise UserError(f"limits.{error}") from None

    def allow(self, genotype: ImageGenotype, costs: Mapping[str, float] | None = None) -> bool:
        """Whether a candidate keeps to them; counts without TensorFlow.

        Args:
            genotype: the candidate.
            costs: what is predicted for it, by name.

        Raises:
            UserError: the network is unknown or impossible.
        """
        if any((costs or {}).get(name, 0.0) > value for name, value in self.costs.items()):
            return False
        if not (self.multiply_adds or self.parameters):
            return True
        config = presets.configure(
            genotype,
            self.network,
            image_size=(self.image_size, self.image_size) if self.image_size else None,
            normal_cells=self.normal_cells or None,
            filters=self.filters or None,
            **({"num_classes": self.num_classes} if self.num_classes else {}),
        )
        counts = summarize(stack(genotype, config), ("logits",), config.image_size)
        assert counts.multiply_adds is not None
        return not (
            0 < self.multiply_adds < counts.multiply_adds or 0 < self.parameters < counts.trainable
        )
