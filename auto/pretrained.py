"""Entrants that begin with trained weights: first a new head on frozen features, then everything.

A head that is fitted to the features before they move keeps them from being moved by a random one
(Kumar et al. 2022, arXiv:2202.10054).
"""

from __future__ import annotations

import functools
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from cell_search.children.child import Child
from cell_search.recipes.training import WholeTraining
from cells import shipped
from cells.data import preprocessing
from cells.network.stack import stack
from cells.network.stack_config import StackConfig
from cells.operations.graph import Graph
from cells.support.errors import UserError, listed
from cells.weights import weights_file
from cells.weights.by_layer import move_weights
from cells.weights.weights_file import WeightsFile

#: By this the learning rate of a training from scratch is multiplied.
RATE = 0.1

#: Images that the new head is fitted to, at least where there are so many, and at most; and images
#: of a pass for their features.
_LEAST, _MOST, _BATCH = 300, 5000, 100

#: Factors of the squares among which that of the head is chosen, by images that were left out.
_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)

#: The name of the head's layer.
_HEAD = "logits"


def pretrained(cells: str) -> bool:
    """Whether an entrant of this name begins with trained weights."""
    return cells.endswith(weights_file.ENDING)


@functools.lru_cache(maxsize=8)
def read(cells: str) -> WeightsFile:
    """The weights of an entrant.

    Args:
        cells: a file, or the name of weights that come with the package.

    Raises:
        UserError: the file is missing, damaged, or none of this project.
    """
    return weights_file.read(shipped.WEIGHTS / cells if cells in shipped.weights() else cells)


def side(cells: str, others: int) -> int:
    """Height and width of the images that the weights want.

    Args:
        cells: an entrant that begins with weights.
        others: pixels of a side that the other entrants see; small networks see the same.
    """
    own = read(cells).config
    return min(own.image_size or (224, 224)) if own.stem == "imagenet" else others


def layout(cells: str, image_size: tuple[int, int], classes: int) -> tuple[Graph, StackConfig]:
    """The network of the weights with a head for other classes, and what it was laid out from."""
    given = read(cells)
    config = given.config.replace(
        image_size=image_size, num_classes=classes, auxiliary_head=False, drop_path_keep=1.0
    )
    return stack(given.genotype, config), config


def begin(training: WholeTraining, cells: str, seconds: float, check: Callable[[], None]) -> int:
    """Gives a training that has not begun the weights, and a head that fits its images.

    Args:
        training: of `layout`'s network.
        cells: whose weights it takes.
        seconds: in which the features are to be had, about.
        check: is called from time to time, to raise where the run is to end.

    Returns:
        How many images the head was fitted to.

    Raises:
        UserError: the file lacks weights of its own network.
    """
    graph, config = training.graph, training.config
    assert isinstance(config, StackConfig)
    features = {name: v for name, v in read(cells).layers.items() if name != _HEAD}
    moved = training.start_from(features)
    if lacking := {*moved.missing, *moved.unfit} - {_HEAD}:
        raise UserError(
            f"--weights: {cells} lacks the weights of {listed(sorted(lacking), 4)}, or has them in "
            "another shape; give the whole file that was imported or exported"
        )
    width = graph.nodes[_HEAD].inputs[0].channels
    # A network whose head copies its input says the features.
    copying = config.replace(num_classes=width)
    child = Child.of_graph(stack(read(cells).genotype, copying), copying, training.child.bank)
    move_weights({**features, _HEAD: [np.eye(width, dtype=np.float32), np.zeros(width)]}, child)
    order = np.random.default_rng(0).permutation(len(training.images.labels))[:_MOST]
    found: list[np.ndarray] = []
    began = time.monotonic()
    for start in range(0, len(order), _BATCH):
        check()
        pixels = training.images.pixels[order[start : start + _BATCH]]
        found.append(child.logits(preprocessing.scale(pixels)).numpy())
        if start + _BATCH >= _LEAST and time.monotonic() - began > seconds:
            break
    values = np.concatenate(found)
    labels = training.images.labels[order[: len(values)]]
    training.start_from({_HEAD: _head(values, labels, config.num_classes or 0)})
    return len(values)


def _head(features: np.ndarray, labels: np.ndarray, classes: int) -> list[np.ndarray]:
    """Kernel and bias of the softmax regression on features that are brought to one scale."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    scale = features.std(axis=0) + 1e-6
    mean = features.mean(axis=0)
    scaled = (features - mean) / scale
    left_out = np.arange(len(labels)) % 5 == 0

    def fitted(penalty: float, chosen: np.ndarray) -> Any:
        fit = LogisticRegression(C=1.0 / (penalty * chosen.sum()), max_iter=200)
        with warnings.catch_warnings():
            # A head that is nearly there will do: it is trained on with everything.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return fit.fit(scaled[chosen], labels[chosen])

    def quality(penalty: float) -> float:
        return fitted(penalty, ~left_out).score(scaled[left_out], labels[left_out])

    best = fitted(max(_PENALTIES, key=quality), np.ones(len(labels), bool))
    kernel, bias = best.coef_, best.intercept_
    if len(best.classes_) == 2:  # Of two classes it keeps the difference alone.
        kernel, bias = np.concatenate([-kernel, kernel]) / 2, np.concatenate([-bias, bias]) / 2
    whole = np.zeros((len(mean), classes)), np.full(classes, bias.min())
    whole[0][:, best.classes_] = kernel.T / scale[:, None]
    whole[1][best.classes_] = bias - kernel @ (mean / scale)
    return [part.astype(np.float32) for part in whole]
