"""What a network costs before it is built: the times of its pieces, added up."""

from __future__ import annotations

import math

from cell_search.children.pieces import Place, cut
from cell_search.costs.kinds import sums_of
from cell_search.costs.table import CostTable
from cells.genotype.genotype import Genotype
from cells.network.stack import stack
from cells.network.stack_config import StackConfig
from cells.operations.architecture import Architecture
from cells.operations.graph import Graph
from cells.support.errors import UserError


def step_seconds(
    table: CostTable, genotype: Genotype | Architecture, config: StackConfig, batch: int
) -> float:
    """Seconds of one training step in `cell_search.children`, augmentation included.

    Args:
        table: of the machine.
        genotype: the cells.
        config: the network, with `image_size`.
        batch: images of the step.

    Returns:
        Processor time, or wall time where the table is of a GPU.

    Raises:
        UserError: the network is impossible, has no image size, or has a piece that was not
            measured.
    """
    places = _places(stack(genotype, config), config, ("logits", "auxiliary_logits"))
    return seconds_of(table, places, batch) + (
        table.overheads.pixel * batch * math.prod(config.image_size or ())
    )


def seconds_of(table: CostTable, places: list[Place], batch: int) -> float:
    """The part of a step that TensorFlow computes.

    Args:
        table: of the machine.
        places: of the network.
        batch: images of the step.
    """
    more = table.overheads
    pieces = [place.piece for place in places]
    parameters = sum(
        math.prod(shape) for piece in pieces for shapes in piece.trained for shape in shapes
    )
    alone = table.seconds([*pieces, *sums_of(places)], batch)
    return more.training * alone + more.place * len(places) + more.parameter * parameters


def inference_ms(table: CostTable, genotype: Genotype | Architecture, config: StackConfig) -> float:
    """Milliseconds of the answer to one image.

    Args:
        table: of the machine.
        genotype: the cells.
        config: the network, with `image_size`.

    Raises:
        UserError: as in `step_seconds`.
    """
    places = _places(stack(genotype, config), config, ("logits",))
    alone = table.seconds([place.piece for place in places], 1, "inference")
    return 1000.0 * (table.overheads.inference * alone + table.overheads.answer)


def costs(
    table: CostTable, genotype: Genotype | Architecture, config: StackConfig, batch: int
) -> dict[str, float]:
    """`inference_ms`, and `step_seconds` where there are steps.

    Args:
        table, genotype, config: see `step_seconds`.
        batch: images of a step; 0 where nothing is trained.
    """
    answer = {"inference_ms": inference_ms(table, genotype, config)}
    if not batch:
        return answer
    return {"step_seconds": step_seconds(table, genotype, config, batch), **answer}


def _places(graph: Graph, config: StackConfig, heads: tuple[str, ...]) -> list[Place]:
    if config.image_size is None:
        raise UserError("image_size: times are those of maps of a size; give the size of images")
    outputs = [name for name in heads if name in graph.outputs] or ["features"]
    return cut(graph, outputs, config.image_size)
