"""What is done to training images at random: moved, mirrored, partly covered."""

from __future__ import annotations

import numpy as np


def augment(
    pixels: np.ndarray,
    rng: np.random.Generator,
    shift: int,
    flip: bool,
    cutout: int = 0,
    grey: np.ndarray | int = 0,
) -> np.ndarray:
    """Pads with black and crops at random places, mirrors half of the images, covers a square.

    Args:
        pixels: uint8 `(n, height, width, channels)`.
        rng: where chance comes from.
        shift: pixels that are padded on each side.
        flip: whether to mirror.
        cutout: side of the square, whose centre may be any pixel, so that a part of it may lie
            outside (DeVries & Taylor 2017, section 3.2); 0 for none.
        grey: what covers: one number, or one for each channel.

    Returns:
        An array of the same shape.
    """
    n, height, width, _ = pixels.shape
    if shift:
        padded = np.pad(pixels, ((0, 0), (shift, shift), (shift, shift), (0, 0)))
        rows = rng.integers(2 * shift + 1, size=(n, 1, 1)) + np.arange(height)[None, :, None]
        columns = rng.integers(2 * shift + 1, size=(n, 1, 1)) + np.arange(width)[None, None, :]
        pixels = padded[np.arange(n)[:, None, None], rows, columns]
    if flip:
        mirrored = rng.integers(2, size=n).astype(bool)
        pixels = np.where(mirrored[:, None, None, None], pixels[:, :, ::-1], pixels)
    if cutout:
        covered = _span(rng, n, height, cutout)[:, :, None] & _span(rng, n, width, cutout)[:, None]
        pixels = np.where(covered[..., None], np.asarray(grey, np.uint8), pixels)
    return pixels


def _span(rng: np.random.Generator, n: int, length: int, side: int) -> np.ndarray:
    """Where `side` pixels around a random one are, bool `(n, length)`."""
    first = rng.integers(length, size=(n, 1)) - side // 2
    places = np.arange(length)[None]
    return (first <= places) & (places < first + side)
