"""Views of an image at prediction: mirrored and moved; the mean of their probabilities counts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from cell_search.recipes.augmentation import Crops

#: Images of one pass.
_BATCH = 500


class View(NamedTuple):
    """How an image is looked at: mirrored or not, and moved by some pixels."""

    mirrored: bool = False
    down: int = 0
    right: int = 0


#: The image as it is.
PLAIN = (View(),)


def views(*, mirrored: bool, shift: int) -> tuple[View, ...]:
    """The image as it is and moved along the diagonal both ways, each also mirrored.

    Args:
        mirrored: whether it may be mirrored.
        shift: by how many pixels it is moved; 0: not at all.

    Returns:
        One, two, three or six.

    Example:
        >>> len(views(mirrored=True, shift=1))
        6
    """
    places = (0, shift, -shift) if shift else (0,)
    sides = (False, True) if mirrored else (False,)
    return tuple(View(side, by, by) for by, side in itertools.product(places, sides))


def probabilities(
    logits_of: Callable[[Any], Any],
    pixels: np.ndarray,
    chosen: Sequence[View] = PLAIN,
    border: str = "reflect",
) -> np.ndarray:
    """The mean over views of the softmax.

    Args:
        logits_of: the network; takes uint8 pixels.
        pixels: uint8 `(n, height, width, channels)`.
        chosen: the views.
        border: what enters where an image is moved, see `augmentation.BORDERS`.

    Returns:
        float32 `(n, classes)`.
    """
    parts = []
    for start in range(0, len(pixels), _BATCH):
        shown = _shown(pixels[start : start + _BATCH], chosen, border)
        parts.append(sum(tf.nn.softmax(logits_of(each)).numpy() for each in shown))
    return np.concatenate(parts) / np.float32(len(chosen))


def _shown(pixels: np.ndarray, chosen: Sequence[View], border: str) -> Iterator[np.ndarray]:
    shift = max(max(abs(view.down), abs(view.right)) for view in chosen)
    crops = Crops(pixels, shift, border) if shift else None
    for view in chosen:
        shown = pixels
        if crops is not None:
            # What moves down begins higher.
            shown = crops.at(slice(None), shift - view.down, shift - view.right)
        yield shown[:, :, ::-1] if view.mirrored else shown
