"""Hard limits of a candidate's size, known from its cells before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass

from cells.genotype.genotype import Genotype
from cells.network import presets
from cells.network.stack import MAX_CELLS, MAX_CLASSES, MAX_FILTERS, MAX_SIDE, stack
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
        normal_cells: N of that network; 0: its own.
        filters: F of that network; 0: its own.
        image_size: height and width of its images; 0: its own.
        num_classes: 0: its own.
    """

    network: str = "imagenet_mobile"
    multiply_adds: float = setting(0.0, least=0)
    parameters: float = setting(0.0, least=0)
    normal_cells: int = setting(0, least=0, most=MAX_CELLS)
    filters: int = setting(0, least=0, most=MAX_FILTERS)
    image_size: int = setting(0, least=0, most=MAX_SIDE)
    num_classes: int = setting(0, least=0, most=MAX_CLASSES)

    @property
    def any(self) -> bool:
        """Whether there is a limit."""
        return bool(self.multiply_adds or self.parameters)

    def __str__(self) -> str:
        wanted = [
            f"{value:,.0f} {name}"
            for name, value in (
                ("multiply-adds", self.multiply_adds),
                ("parameters", self.parameters),
            )
            if value
        ]
        return f"limits: at most {' and '.join(wanted)} as {self.network}"

    def check(self, genotype: Genotype) -> None:
        """Raises a UserError where no candidate could be measured.

        Args:
            genotype: any.
        """
        if self.any:
            try:
                self.allow(genotype)
            except UserError as error:
                raise UserError(f"limits.{error}") from None

    def allow(self, genotype: Genotype) -> bool:
        """Whether a candidate keeps to them; counts without TensorFlow.

        Args:
            genotype: the two cells.

        Raises:
            UserError: the network is unknown or impossible.
        """
        if not self.any:
            return True
        config = presets.configure(
            genotype,
            self.network,
            image_size=(self.image_size, self.image_size) if self.image_size else None,
            normal_cells=self.normal_cells or None,
            filters=self.filters or None,
            num_classes=self.num_classes or None,
        )
        counts = summarize(stack(genotype, config), ("logits",), config.image_size)
        assert counts.multiply_adds is not None
        return not (
            0 < self.multiply_adds < counts.multiply_adds or 0 < self.parameters < counts.trainable
        )
