"""Which images of CIFAR-10 belong to what: no image serves two purposes.

A number is a place in the split `train` of TFDS's `cifar10:3.0.2`, which TFDS itself has shuffled.
The official test images have no number here: the final comparison alone reads them.
"""

from __future__ import annotations

import hashlib

import numpy as np

#: Numbers from the first to the one before the last, by what they serve: the search with its
#: re-ranking; weights that ship with the package; the trainings of comparisons.
PARTS = {"search": (0, 20_000), "weights": (20_000, 35_000), "comparison": (35_000, 50_000)}

#: Of the lists, as `digest` says; a list that changes is another record.
DIGESTS = {
    "search": "b49ed4334fe4a57f",
    "weights": "fa057678f2e50027",
    "comparison": "778b8381d6c451b6",
}


def numbers(part: str) -> np.ndarray:
    """The numbers of a part, int64, ascending.

    Args:
        part: one of `PARTS`.
    """
    return np.arange(*PARTS[part])


def split(part: str) -> str:
    """The same as a split of TFDS, such as `train[:20000]`.

    Args:
        part: one of `PARTS`.
    """
    first, end = PARTS[part]
    return f"train[{first or ''}:{end}]"


def digest(chosen: np.ndarray) -> str:
    """Equal for equal lists of numbers.

    Args:
        chosen: numbers of images.
    """
    return hashlib.sha256(np.ascontiguousarray(chosen, "<i8").tobytes()).hexdigest()[:16]
