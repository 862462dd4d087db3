"""The seventh point of the transfers: cells as the backbone of a detector of digit scenes.

Everybody has the detector of `make demo` with its recipe, trained from nothing on 1,000 scenes, and
scored by COCO's AP on 200 others with digits of other writers. It looks at one map of stride 8, the
last that all stacks of the comparison have.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

from benchmarks.data import data_dir
from benchmarks.kept import ROOT
from benchmarks.record.contestants import Contestant
from cells.genotype import genotype_file
from cells.network import presets

if TYPE_CHECKING:
    from cell_search.costs.table import CostTable

#: The data set, and height and width to which its scenes are brought.
IMAGES, PIXELS = "digits_scenes", 96

#: Predicted seconds of a training.
SECONDS = 150.0

#: Of the demo's detector.
CONFIG = ROOT / "configs" / "detection" / "digits_demo.yaml"

_BATCH = 16


def takes(who: Contestant) -> bool:
    """Whether a detector can have it as its backbone: cells, and not the residual network."""
    return who.genotype is not None


def steps(who: Contestant, seconds: float, times: CostTable) -> int:
    """How many steps a training has.

    Args:
        who: cells with N and F.
        seconds: predicted, of the backbone, forward and backward; what comes behind it has as many
            filters for everybody.
        times: of the pieces.
    """
    from cell_search.children.pieces import cut
    from cell_search.costs.predict import seconds_of

    size = (PIXELS, PIXELS)
    graph, _ = who.network(size, classes=1)
    return max(int(seconds / seconds_of(times, cut(graph, ["level_3"], size), _BATCH)), 1)


def settings(who: Contestant, seed: int, count: int) -> dict[str, Any]:
    """What is changed in the configuration of the demo, beside its cells.

    Args:
        who: cells with N and F.
        seed: of weights, order and augmentation.
        count: of steps.
    """
    # The stem has F, too, as in the classifiers.
    cells = {
        **{"network": presets.OF_STEM[who.stem], "stem_filters": None},
        **{"normal_cells": who.normal_cells, "empty_group": who.empty_group},
        "filters": who.filters,
    }
    images = {"global_batch_size": _BATCH, "seed": seed, "deterministic": True}
    # As large a part of all steps as in the demo.
    warmup = {"linear": {"warmup_steps": max(count // 16, 1)}}
    every = ("train_steps", "checkpoint_interval", "validation_interval")
    return {
        "task": {
            "seed": seed,
            "model": {"input_size": [PIXELS, PIXELS, 3], "backbone": {"cells": cells}},
            "train_data": images,
        },
        "trainer": {**dict.fromkeys(every, count), "optimizer_config": {"warmup": warmup}},
    }


def train(who: Contestant, seed: int, seconds: float, times: CostTable) -> dict[str, float]:
    """Trains a detector and scores it.

    Args:
        who: cells with N and F.
        seed: of weights, order and augmentation.
        seconds: as of `steps`.
        times: of the pieces.

    Returns:
        COCO's `AP` and `AP50`, in 0..1, the mean `loss` of the scenes that score, and `steps`.
    """
    import detection

    count = steps(who, seconds, times)
    with tempfile.TemporaryDirectory() as folder:
        found = detection.train(
            folder,
            genotype=genotype_file.from_dict(who.genotype),
            config_file=CONFIG,
            params_override=settings(who, seed, count),
            data_dir=data_dir(),
            evaluate=True,
            worst=0,
        ).evaluation
    assert found is not None
    numbers = {"AP": "AP", "AP50": "AP50", "loss": "validation_loss"}
    return {**{name: found.metrics[key] for name, key in numbers.items()}, "steps": count}
