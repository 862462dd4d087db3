"""Views of an image at prediction: mirrored and moved; the mean of their probabilities counts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

#: What enters where an image is moved: its own mirror image, or black.
BORDERS = ("reflect", "black")


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


def shown(images: Any, view: View, *, border: str = "reflect") -> Any:
    """Images as a view shows them.

    Args:
        images: `(n, height, width, channels)`, of any dtype.
        view: how they are looked at.
        border: what enters where they are moved, one of `BORDERS`.

    Returns:
        A tensor of the same shape and dtype.
    """
    import tensorflow as tf

    by = max(abs(view.down), abs(view.right))
    if by:
        height, width = images.shape[1:3]
        around = ((0, 0), (by, by), (by, by), (0, 0))
        mode = "REFLECT" if border == "reflect" else "CONSTANT"
        padded = tf.pad(images, around, mode)
        # What moves down begins higher.
        top, left = by - view.down, by - view.right
        images = padded[:, top : top + height, left : left + width]
    return images[:, :, ::-1] if view.mirrored else images


def mean_probabilities(
    probabilities: Callable[[Any], Any],
    images: Any,
    chosen: Sequence[View] = PLAIN,
    *,
    border: str = "reflect",
) -> Any:
    """The mean over views of what a network says of images.

    Args:
        probabilities: gives `(n, classes)` of images.
        images: `(n, height, width, channels)`, as `probabilities` takes them.
        chosen: the views.
        border: as of `shown`.
    """
    parts = [probabilities(shown(images, v, border=border)) for v in chosen]
    return sum(parts) / len(parts)
