"""What the steps are asked to do: settings of a search and of a training, by images and time.

All numbers here are ours; they suit minutes to hours on a CPU and small pictures.
"""

from __future__ import annotations

from typing import Any

from auto.test_split import Divided
from cells.genotype.genotype import Genotype
from cells.network import presets
from cells.network.stack import stack
from cells.operations.counts import summarize

#: Blocks of a cell that is searched.
BLOCKS = 3

#: Steps of a child in the search, about; a re-ranking trains it so many times longer.
CHILD_STEPS, LONGER = 120, 3

#: Candidates of a re-ranking that the search found, at most.
MOST_AGAIN = 10

#: Published cells that are candidates of a re-ranking as well, in this order. The first is trained
#: where nothing is searched: of the catalogue it has the fewest layers, and less than half of the
#: multiply-adds of the second.
PUBLISHED = ("snas_mild", "nasnet_a")

#: Images that score a child, and that train it, at most.
SCORING, CHILD_IMAGES = 2000, 5000

#: Seconds of the search's share for each cell that the sieve keeps, and how many random ones the
#: sieve looks at for each of them.
SIEVED_PER, DRAWN_PER_KEPT = 60.0, 10

#: N and F of the networks that may be trained, from the smallest.
NETWORKS = ((1, 8), (1, 16), (2, 16), (2, 32), (4, 32), (6, 32))

#: The largest network is trained that sees every image so often in the time that is left.
EPOCHS = 30

#: Steps of the training, at least: statistics of batch norms need some.
LEAST_STEPS = 100

#: Seconds of a multiply-add in training, where none has been seen yet.
PACE = 1e-9

L2 = 1e-4


def batch_of(divided: Divided) -> int:
    """Images of a step of the training."""
    return 32 if divided.training < 20_000 else 64


def least_steps(divided: Divided) -> int:
    """Steps of the training, at least: one pass over the images, and see `LEAST_STEPS`."""
    return max(-(-divided.training // batch_of(divided)), LEAST_STEPS)


def search_values(divided: Divided, *, seconds: float, size: int, flip: bool, seed: int) -> dict:
    """The settings of the search, nested as in a configuration file, but for the number of trials.

    Args:
        divided: the images.
        seconds: of the search.
        size: height and width of the images.
        flip: whether images may be mirrored.
        seed: of everything random.
    """
    held_out = min(max(divided.training // 5, len(divided.classes)), SCORING)
    training = min(divided.training - held_out, CHILD_IMAGES)
    batch = min(32, training)
    epochs = max(1, round(CHILD_STEPS / (training // batch)))
    kept = int(min(seconds / SIEVED_PER, 20))
    population = max(kept, 4)
    return {
        "space": {"name": "nasnet", "blocks": BLOCKS},
        "strategy": {
            "type": "regularized_evolution",
            "regularized_evolution": {"population": population, "sample": population // 2},
        },
        "sieve": {
            "candidates": DRAWN_PER_KEPT * kept,
            "keep": max(kept, 1),
            # Of all scores at initialisation the one that says most: docs/proxies.md.
            "vote": ["-gradient_norm"],
            "evaluator": {
                "type": "zero_cost",
                "zero_cost": {"scores": ["gradient_norm"], "filters": 8},
            },
        },
        "evaluator": {
            "type": "train",
            "train": {
                "normal_cells": 1,
                "filters": 8,
                "epochs": epochs,
                "batch": batch,
                "learning_rate": 0.05,
                "l2": L2,
                "flip": flip,
                "shift": size // 8,
            },
        },
        "images": {
            "name": divided.folder,
            "split": "train",
            "held_out": held_out,
            "training": training,
            "size": size,
            "seed": seed,
        },
        "rerank": {"evaluator": {"train": {"epochs": LONGER * epochs}}},
        "seed": seed,
        "top": MOST_AGAIN,
        "report_minutes": 0.0,
    }


def multiply_adds(genotype: Genotype, size: int, classes: int, cells: int, filters: int) -> int:
    """Of one image, through the network with N and F as given."""
    config = presets.configure(
        genotype,
        "cifar",
        normal_cells=cells,
        filters=filters,
        image_size=(size, size),
        num_classes=classes,
    )
    count = summarize(stack(genotype, config), ("logits",), config.image_size).multiply_adds
    assert count is not None
    return count


def network_of(
    genotype: Genotype, divided: Divided, *, size: int, seconds: float, pace: float
) -> tuple[int, int]:
    """N and F of the network that is trained: see `EPOCHS`.

    Args:
        genotype: the cells.
        divided: the images.
        size: height and width of the images.
        seconds: that are left for the training.
        pace: seconds of a multiply-add in training, forward and backward.
    """
    affordable = [
        (cells, filters)
        for cells, filters in NETWORKS
        if EPOCHS
        * divided.training
        * multiply_adds(genotype, size, len(divided.classes), cells, filters)
        * pace
        <= seconds
    ]
    return affordable[-1] if affordable else NETWORKS[0]


def training_values(
    divided: Divided,
    genotype: str,
    network: tuple[int, int],
    *,
    size: int,
    flip: bool,
    seed: int,
    steps: int,
    loop: int,
) -> dict[str, Any]:
    """What the experiment `cells_classification` is overridden with.

    Args:
        divided: the images.
        genotype: name or file.
        network: N and F.
        size: height and width of the images.
        flip: whether images may be mirrored.
        seed: of everything random.
        steps: of the training.
        loop: steps between two looks at the clock.
    """
    cells, filters = network
    batch = batch_of(divided)
    data = {"tfds_name": divided.folder}
    return {
        "task": {
            "seed": seed,
            "model": {
                "input_size": [size, size, 3],
                "cells": {
                    "genotype": genotype,
                    "network": "cifar",
                    "normal_cells": cells,
                    "filters": filters,
                },
            },
            # Weight decay is counted here as half of the factor of the squares.
            "losses": {"l2_weight_decay": 2.0 * L2, "label_smoothing": 0.1},
            "train_data": {
                **data,
                "tfds_split": "train",
                "global_batch_size": batch,
                "shuffle_buffer_size": min(divided.training, 20_000),
                "aug_shift": size // 8,
                "aug_rand_hflip": flip,
                "aug_cutout": size // 4,
                "seed": seed,
            },
            "validation_data": {
                **data,
                "tfds_split": divided.test,
                "global_batch_size": min(divided.testing, 250),
            },
        },
        "trainer": {
            "train_steps": steps,
            "steps_per_loop": loop,
            "summary_interval": loop,
            "checkpoint_interval": 6 * loop,
            "validation_interval": steps,
            "optimizer_config": {
                "learning_rate": {
                    "type": "cosine",
                    "cosine": {"initial_learning_rate": 0.05 * batch / 32, "decay_steps": steps},
                }
            },
        },
    }
