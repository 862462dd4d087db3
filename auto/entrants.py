"""Who takes part in the race: cells, or the residual network, each at a size that the time allows.

All numbers here are ours; they suit minutes to hours on a CPU and small pictures.
"""

from __future__ import annotations

import dataclasses
import pathlib
from dataclasses import dataclass
from typing import Any

from auto import pretrained
from auto.context import Run
from auto.test_split import Divided
from cell_search.recipes.recipe import Recipe
from cells import shipped
from cells.network import presets
from cells.network.residual import LEAST_SIZE, ResidualConfig, residual
from cells.network.stack import stack
from cells.operations.counts import summarize
from cells.operations.graph import Graph
from transfer.model.baselines import OWN as RESIDUAL
from transfer.runs import initial_weights

#: Cells of the catalogue that take part, by what was seen of them; see docs/auto.md.
CELLS = ("hand_written", "snas_mild", "nasnet_a")

#: From so many seconds on there are so many entrants that no search found.
COUNTS = ((0.0, 2), (1200.0, 3), (3600.0, 4))

#: The folder, in that of the run, of the cells that a search found; they are called as their files.
FOUND = "found"

#: How cells are stacked that come with a Reduction cell: at the full size of images they cost more
#: than they are worth.
STEM = "pooled"

#: N and F of the networks that may be trained, from the smallest. The residual network has no N.
SIZES = ((1, 16), (1, 24), (1, 32), (2, 32), (2, 64), (4, 64), (6, 64))

#: Weights that come with the package are of small images, up to so many pixels of a side; beyond
#: the second number, minibatches are small, or they would not fit into the memory of a desk.
SMALL, LARGE = 64, 128

#: The largest network takes part that sees every image so often in the time that there is.
EPOCHS = 50


@dataclass(frozen=True)
class Entrant:
    """A network that takes part.

    Attributes:
        cells: a name of the catalogue, a file in the folder of the run, `RESIDUAL`, or weights
            (see `auto.pretrained`), whose network has the size that it has.
        normal_cells: N; 0 of the residual network.
        filters: F.
        stem, empty_group: of the stack of cells; see `cells.network.stack_config.StackConfig`.
    """

    cells: str
    normal_cells: int
    filters: int
    stem: str = STEM
    empty_group: int = 0

    @property
    def name(self) -> str:
        """Such as `nasnet_a (N = 1, F = 16)`."""
        size = f"N = {self.normal_cells}, " if self.normal_cells else ""
        empty = f", none in group {self.empty_group}" if self.empty_group else ""
        return f"{called(self.cells)} ({size}F = {self.filters}{empty})"

    @property
    def pretrained(self) -> bool:
        """Whether it begins with trained weights."""
        return pretrained.pretrained(self.cells)

    def side(self, run: Run) -> int:
        """Height and width of the images that it sees."""
        asked = run.settings.size
        return pretrained.side(self.cells, asked) if self.pretrained else asked

    def layout(self, run: Run, divided: Divided) -> tuple[Graph, Any]:
        """The network, and what it was laid out from.

        Args:
            run: gives the size of the images, and has the files of cells.
            divided: has the classes.

        Raises:
            UserError: the images are too small, or the cells are unknown.
        """
        side, classes = self.side(run), len(divided.classes)
        size = side, side
        if self.pretrained:
            return pretrained.layout(self.cells, size, classes)
        if self.cells == RESIDUAL:
            plain = ResidualConfig(filters=self.filters, image_size=size, num_classes=classes)
            return residual(plain), plain
        genotype = run.cells(self.cells)
        config = presets.configure(
            genotype,
            presets.OF_STEM[self.stem],
            normal_cells=self.normal_cells,
            empty_group=self.empty_group,
            filters=self.filters,
            image_size=size,
            num_classes=classes,
        )
        return stack(genotype, config), config

    def model_values(self) -> dict[str, Any]:
        """The network as `task.model` of the transfer stage says it, but for its images."""
        if self.cells == RESIDUAL:
            return {"baseline": RESIDUAL, "baseline_filters": self.filters}
        if self.pretrained:
            return {"cells": initial_weights.stack_values(pretrained.read(self.cells).config)}
        sizes = {"normal_cells": self.normal_cells, "filters": self.filters}
        empty = {"empty_group": self.empty_group} if self.empty_group else {}
        return {"cells": {"network": presets.OF_STEM[self.stem], **sizes, **empty}}


def called(cells: str) -> str:
    """What people call cells, such as `nasnet_a`, `mine.json`, or `search-1` of those found.

    Args:
        cells: see `Entrant`.
    """
    path = pathlib.PurePath(cells)
    return path.stem if path.parts[0] == FOUND else path.name


def known(run: Run) -> list[str]:
    """The networks that take part without a search, by name; the first is the likeliest to win."""
    asked = run.settings
    given = [asked.weights] if asked.weights else []
    if asked.genotype:
        return given or [asked.genotype]
    residuals = [RESIDUAL] if asked.entrants == "all" and asked.size >= LEAST_SIZE else []
    count = max(number for least, number in COUNTS if asked.budget >= least)
    come_along = asked.shipped_weights and asked.size <= SMALL
    return [*given, *[*residuals, *CELLS][:count], *(shipped.weights() if come_along else [])]


def smallest(cells: str) -> Entrant:
    """A network at the size at which its pace is looked at first."""
    if pretrained.pretrained(cells):
        own = pretrained.read(cells).config
        return Entrant(cells, own.normal_cells, own.filters)
    return _of_size(cells, *SIZES[0])


def largest(
    run: Run, divided: Divided, first: Entrant, pace: float, seconds: float, steps: int
) -> Entrant:
    """A network at the largest size that can make so many steps in time.

    Args:
        run, divided: see `Entrant.layout`.
        first: the network at its smallest size. That of found cells is the one that they were found
            with: they become wider, not deeper.
        pace: seconds of a step of it; larger ones use a processor no worse.
        seconds: that there are.
        steps: that must fit into them.
    """
    if first.pretrained:
        return first
    if pathlib.PurePath(first.cells).parts[0] == FOUND:
        widths = sorted({filters for _, filters in SIZES if filters > first.filters})
        larger = [dataclasses.replace(first, filters=filters) for filters in widths]
    else:
        larger = [_of_size(first.cells, *size) for size in SIZES]
    least = multiply_adds(first, run, divided)
    fit = [
        entrant
        for entrant in dict.fromkeys(larger)
        if steps * pace * multiply_adds(entrant, run, divided) / least <= seconds
    ]
    return fit[-1] if fit else first


def _of_size(cells: str, normal_cells: int, filters: int) -> Entrant:
    return Entrant(cells, 0 if cells == RESIDUAL else normal_cells, filters)


def multiply_adds(entrant: Entrant, run: Run, divided: Divided) -> int:
    """Of one image."""
    graph, config = entrant.layout(run, divided)
    count = summarize(graph, ("logits",), config.image_size).multiply_adds
    assert count is not None
    return count


def recipe_of(run: Run, divided: Divided, entrant: Entrant | None = None) -> Recipe:
    """How all of them are trained; those that begin with weights at a lower rate."""
    asked = run.settings
    size = entrant.side(run) if entrant else asked.size
    large, begins = size > LARGE, entrant is not None and entrant.pretrained
    batch = 64 if divided.training >= 1000 and not large else 32
    return Recipe(
        schedule="trapezoid",
        batch=batch,
        learning_rate=0.1 * batch / 64 * (pretrained.RATE if begins else 1.0),
        flip=asked.flip,
        shift=size // 8,
        cutout=size // 4,
        balance=asked.balance,
    )
