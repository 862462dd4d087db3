"""Accuracies over seeds and images, with errors that count both.

Seeds and test images are drawn, and every seed meets every image, so a mean varies with both: the
variance of the mean of a table of seeds by images is that of the crossed model of random effects
(seed, image, and what remains), each component divided by how often it was drawn.
"""

from __future__ import annotations

import numpy as np


def error(table: np.ndarray) -> float:
    """The standard error of the mean of a table.

    Args:
        table: (seeds, images); whether an image was named rightly, or a difference of two such.

    Returns:
        With one seed that of images alone, since nothing is known of others.
    """
    seeds, images = table.shape
    values = table.astype(float)
    mean, by_seed, by_image = values.mean(), values.mean(1), values.mean(0)
    if seeds == 1:
        return float(np.sqrt(by_image.var(ddof=1) / images))
    rest = values - by_seed[:, None] - by_image + mean
    of_rest = (rest**2).sum() / ((seeds - 1) * (images - 1))
    # What the rest alone puts into the variance of the means is no effect of seed or image.
    of_seed = max(by_seed.var(ddof=1) - of_rest / images, 0.0)
    of_image = max(by_image.var(ddof=1) - of_rest / seeds, 0.0)
    return float(np.sqrt(of_seed / seeds + of_image / images + of_rest / (seeds * images)))
