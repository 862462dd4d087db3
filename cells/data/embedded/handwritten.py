"""The handwritten digits that scikit-learn bundles, cut into train and test.

1,797 grey pictures of 8x8 pixels, written by 13 people (the writers of the `test` part of
UCI's "Optical Recognition of Handwritten Digits"). They are installed with scikit-learn, so that
they need no download.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

TEST_PER_CLASS = 36
"""The test part holds the last 36 pictures of each digit: 360 in all, 1,437 remain to train on."""

PEAK = 16
"""The brightest value of a picture; each value counts the inked pixels of a 4x4 block."""

CITATION = """\
@misc{alpaydin1998optdigits,
  author       = {Alpaydin, Ethem and Kaynak, Cenk},
  title        = {Optical Recognition of Handwritten Digits},
  year         = {1998},
  howpublished = {UCI Machine Learning Repository},
  doi          = {10.24432/C50P49},
}
@article{pedregosa2011scikit,
  author  = {Pedregosa, Fabian and Varoquaux, Gael and Gramfort, Alexandre and others},
  title   = {Scikit-learn: Machine Learning in {P}ython},
  journal = {Journal of Machine Learning Research},
  volume  = {12},
  pages   = {2825--2830},
  year    = {2011},
}
"""

HOMEPAGE = "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits"

LICENSE = "Creative Commons Attribution 4.0 International (CC BY 4.0)"


@dataclass(frozen=True)
class Handwritten:
    """Some of the digits.

    Attributes:
        images: float64 (n, 8, 8), whole numbers 0 (paper) to 16 (ink).
        labels: int64 (n,), the digit 0 to 9.
        indices: int64 (n,), where each picture stands in `sklearn.datasets.load_digits`.
    """

    images: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any]
    indices: np.ndarray[Any, Any]


@functools.cache
def load(split: str) -> Handwritten:
    """Returns the pictures of `"train"` (1,437) or `"test"` (360), in scikit-learn's order.

    The file's labels repeat about every 130 pictures: writer after writer filled in one form. The
    last pictures of each digit are therefore by the last writers, whom the train part knows
    hardly (23 of its pictures), so that the test part asks for what a new hand would ask for. It
    is harder than a random cut: a support vector machine gets 96.4 % of it right instead of
    98.6 %.

    Raises:
        ValueError: for another split.
    """
    if split not in ("train", "test"):
        raise ValueError(f"split is {split!r}, not 'train' or 'test'")
    # Importing scikit-learn takes a second, which only those who want the pictures should pay.
    from sklearn.datasets import load_digits

    bunch = load_digits()
    labels = np.asarray(bunch.target, np.int64)
    in_test = np.zeros(len(labels), bool)
    for digit in range(10):
        in_test[np.flatnonzero(labels == digit)[-TEST_PER_CLASS:]] = True
    indices = np.flatnonzero(in_test if split == "test" else ~in_test)
    return Handwritten(np.asarray(bunch.images)[indices], labels[indices], indices)
