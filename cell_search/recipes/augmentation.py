"""Images of a minibatch, changed at random: uint8 in, uint8 out, many at once."""

from __future__ import annotations

from weakref import WeakValueDictionary

import numpy as np
from numpy.lib.stride_tricks import as_strided


class Crops:
    """Images with a border around them, of which any window can be cut.

    The border is added once, for all images: then a crop is a copy of rows, and the batch of a
    step costs some microseconds an image.

    Args:
        pixels: uint8 `(n, height, width, channels)`.
        shift: pixels of the border.
        border: one of `cells.data.views.BORDERS`.
    """

    def __init__(self, pixels: np.ndarray, shift: int, border: str = "reflect"):
        self.shift = shift
        self._of: np.ndarray | None = None
        self._shape = pixels.shape[1:]
        height, width, channels = self._shape
        around = ((0, 0), (shift, shift), (shift, shift), (0, 0))
        padded = np.pad(pixels, around, "reflect" if border == "reflect" else "constant")
        image, row, pixel, byte = padded.strides
        places = 2 * shift + 1
        shape = (len(pixels), places, places, height, width * channels)
        # A view: no window is there before it is asked for.
        self._windows = as_strided(padded, shape, (image, row, pixel, row, byte), writeable=False)

    @classmethod
    def shared(cls, pixels: np.ndarray, shift: int, border: str) -> Crops:
        """One for all who ask for the same array at the same time, such as trainings of a race."""
        key = id(pixels), shift, border
        found = _SHARED.get(key)
        if found is None:
            found = _SHARED[key] = cls(pixels, shift, border)
            # While it is there the array is, too, and no other has its `id`.
            found._of = pixels
        return found

    def at(
        self, chosen: np.ndarray | slice, down: np.ndarray | int, right: np.ndarray | int
    ) -> np.ndarray:
        """Windows of chosen images.

        Args:
            chosen: which images.
            down, right: where the windows begin, from 0 to twice the shift; one number, or one
                for each image.
        """
        windows = self._windows[chosen, down, right]
        return windows.reshape(len(windows), *self._shape)

    def draw(self, chosen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Windows of chosen images at random places."""
        down, right = rng.integers(2 * self.shift + 1, size=(2, len(chosen)))
        return self.at(chosen, down, right)


_SHARED: WeakValueDictionary[tuple[int, int, str], Crops] = WeakValueDictionary()


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
    if shift:
        pixels = Crops(pixels, shift, "black").draw(np.arange(len(pixels)), rng)
    if flip:
        pixels = mirror(pixels, rng)
    return cover(pixels, rng, cutout, grey) if cutout else pixels


def mirror(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mirrors half of the images."""
    mirrored = rng.integers(2, size=len(pixels)).astype(bool)
    return np.where(mirrored[:, None, None, None], pixels[:, :, ::-1], pixels)


def cover(
    pixels: np.ndarray, rng: np.random.Generator, side: int, grey: np.ndarray | int
) -> np.ndarray:
    """Covers a square of each image; see `augment`."""
    n, height, width, _ = pixels.shape
    covered = _span(rng, n, height, side)[:, :, None] & _span(rng, n, width, side)[:, None]
    return np.where(covered[..., None], np.asarray(grey, np.uint8), pixels)


def _span(rng: np.random.Generator, n: int, length: int, side: int) -> np.ndarray:
    """Where `side` pixels around a random one are, bool `(n, length)`."""
    first = rng.integers(length, size=(n, 1)) - side // 2
    places = np.arange(length)[None]
    return (first <= places) & (places < first + side)
