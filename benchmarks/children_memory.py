"""Resident memory while one process trains hundreds of children, each of another genotype, or,
with `--graphs`, each another evolved graph: these have pieces of any number of channels.

  python -m benchmarks.children_memory                small cells on images of 8x8 pixels
  python -m benchmarks.children_memory --blocks=5 --filters=8 --size=16 --batch=64
                                                      as `configs/search/cifar10_afternoon.yaml`

Each child takes four steps: piece by piece, traced as a whole, and on.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import time
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.report import observed, print_figures, required

LIMITS = {
    "resident memory after * children, parts of that after 30": (
        "<= 1.2",
        5.0,
        "a traced function kept for every child, about",
    )
}

#: The mutations of evolved graphs that make them larger, or others.
GROWING = (
    "insert_convolution",
    "insert_one_to_one",
    "add_skip",
    "alter_channels",
    "alter_stride",
    "filter_size",
)

#: From here on memory is to stay flat.
_EARLY = 30


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--children", type=int, default=300, help="how many")
    parser.add_argument("--blocks", type=int, default=2, help="of a cell")
    parser.add_argument("--filters", type=int, default=4, help="F; N is 1")
    parser.add_argument("--size", type=int, default=8, help="height and width of the images")
    parser.add_argument("--batch", type=int, default=8, help="images of a step")
    parser.add_argument("--graphs", action="store_true", help="evolved graphs in place of cells")
    args = parser.parse_args()
    from cell_search.children import Child, Descent, Training, bank_of
    from cell_search.evaluators._child_network import child_config
    from cell_search.space import published
    from cells.network.stack_config import StackConfig

    space = published.find("nasnet", args.blocks)
    rng = np.random.default_rng(0)
    size = args.size, args.size
    images = rng.normal(size=(args.batch, *size, 3)).astype(np.float32)
    labels = rng.integers(10, size=args.batch)
    memory: list[float] = []
    started = time.perf_counter()
    for number in range(args.children):
        if args.graphs:
            genotype, config = random_graph(rng, size), StackConfig(image_size=size)
        else:
            genotype = space.decode(space.random(rng))
            config = child_config(
                genotype, normal_cells=1, filters=args.filters, size=size, num_classes=10
            )
        pieces = bank_of(config.batch_norm_epsilon)
        training = Training(Child(genotype, config, pieces, number), Descent(l2=5e-4))
        for _ in range(4):
            training.step(images, labels, 0.01)
        float(training.child.logits(images)[0, 0])
        del training
        gc.collect()
        memory.append(resident())
        if number % 30 == 29:
            print(
                f"{number + 1} children: {memory[-1]:.0f} MB, {len(pieces)} compiled pieces, "
                f"{time.perf_counter() - started:.0f} s",
                flush=True,
            )
    early, late = memory[min(_EARLY, len(memory)) - 1], memory[-1]
    print_figures(
        [
            required(
                LIMITS,
                f"resident memory after {len(memory)} children, parts of that after {_EARLY}",
                round(late / early, 3),
            ),
            observed("compiled pieces", len(pieces)),
        ],
        seeds=[0],
    )


def random_graph(
    rng: np.random.Generator,
    size: tuple[int, int],
    mutations: int = 40,
    names: Sequence[str] = GROWING,
) -> Any:
    """An evolved graph for images of a size, after some random mutations."""
    from cells.evolved.graph import FIRST
    from cells.evolved.mutations import draw
    from cells.support.errors import UserError

    graph = FIRST
    while mutations:
        child = draw(graph, rng, names)[2]
        with contextlib.suppress(UserError):
            child.layout(size, 10)
            graph, mutations = child, mutations - 1
    return graph


def resident() -> float:
    """In MB."""
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
