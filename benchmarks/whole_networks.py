"""Whole networks give the same logits wherever they are computed: 50 random ones, in float64.

  python -m benchmarks.whole_networks

Random points of the layer-wise space with strides of 1, 2 and 3, so that maps of several sizes are
joined, with random weights and batch norms. Each is computed by the children's engine, by `keras`
and by `tf_keras`, with the same weights; of the largest differences, in parts of the largest logit,
the largest is reported.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tf_keras

from benchmarks.report import print_figures, required
from cell_search.children import Bank, Child
from cell_search.space.layerwise import LayerwiseSpace
from cells.layerwise.network import LayerwiseNetwork
from cells.network.build import build_graph
from cells.network.stack_config import StackConfig
from cells.support.errors import UserError
from cells.weights.by_layer import move_weights

LIMITS = {"*, largest relative difference": ("<= 1e-6", 0.1, "about; a connection that is missing")}

SIZE = (12, 13)


def _drawn(space: LayerwiseSpace, rng: np.random.Generator) -> LayerwiseNetwork:
    """A random network none of whose strides goes beyond its map."""
    while True:
        network = space.decode(space.random(rng))
        try:
            network.layout(SIZE, 4)
        except UserError:
            continue
        return network


def differences(seed: int) -> dict[str, float]:
    """The largest difference of a random network's logits from the engine's, by namespace."""
    rng = np.random.default_rng(seed)
    layers = int(rng.integers(2, 9))
    space = LayerwiseSpace(layers=layers, filters=(3, 5, 8), strides=(1, 2, 3))
    network = _drawn(space, rng)
    config = StackConfig(image_size=SIZE, num_classes=4)
    child = Child(network, config, Bank(precision="float64"), seed)
    for layer in child.layers:
        layer.set_weights([w + rng.uniform(0.1, 0.5, w.shape) for w in layer.get_weights()])
    images = rng.normal(size=(3, *SIZE, 3))
    ours = np.asarray(child.logits(images))
    found = {}
    for namespace in (keras, tf_keras):
        model = build_graph(network.layout(SIZE, 4), config, namespace, name="mine")
        moved = move_weights({layer.name: layer for layer in child.layers}, model)
        assert not moved.missing and not moved.unfit, moved
        theirs = np.asarray(model(images, training=False))
        found[namespace.__name__] = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    keras.utils.clear_session()
    return found


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", type=int, default=50)
    args = parser.parse_args()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    tf_keras.backend.set_floatx("float64")
    seeds = range(args.networks)
    found = [differences(seed) for seed in seeds]
    rows = []
    for name in ("keras", "tf_keras"):
        worst = max(each[name] for each in found)
        note = f"{len(found)} networks"
        rows.append(required(LIMITS, f"{name}, largest relative difference", worst, note=note))
        print(f"{name}: {worst:.2e}")
    print_figures(rows, seeds=seeds)


if __name__ == "__main__":
    main()
