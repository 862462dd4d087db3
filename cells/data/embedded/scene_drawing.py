"""Draws scenes: handwritten digits of several sizes on cluttered, coloured ground.

Pure numpy, scipy and Pillow; the same generator state draws the same scene.
"""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from cells.data.embedded import handwritten

Array = np.ndarray[Any, Any]

SIDE = 128
"""Height and width of a scene in pixels."""

SIZES = (20.0, 64.0)
"""Least and greatest size of a digit's longer side in pixels, before it is turned and sheared."""

MOST_DIGITS = 6

LEAST_CONTRAST = 85.0
"""Least difference of brightness (0 to 255) between ink and the mean ground in its box."""

_TRIES = 25
_LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Scene:
    """A picture and what is in it.

    Attributes:
        image: uint8 (height, width, 3).
        boxes: int64 (n, 4), the rows and columns ymin, xmin, ymax, xmax that hold the ink of each
            digit, in pixels; the maxima are exclusive.
        labels: int64 (n,), the digits 0 to 9.
    """

    image: Array
    boxes: Array
    labels: Array


def draw_scene(digits: handwritten.Handwritten, rng: np.random.Generator) -> Scene:
    """Returns a scene of 128x128 pixels with 1 to 6 of the digits.

    Args:
        digits: the pictures to choose from.
        rng: the only source of chance.
    """
    scene = place_digits(draw_ground(rng), digits, rng)
    # Noise comes last, as in a camera: over ink and ground alike.
    noise = rng.normal(0.0, rng.uniform(2.0, 9.0), scene.image.shape)
    noisy = np.clip(np.rint(scene.image + noise), 0, 255).astype(np.uint8)
    return Scene(noisy, scene.boxes, scene.labels)


def place_digits(ground: Array, digits: handwritten.Handwritten, rng: np.random.Generator) -> Scene:
    """Returns the ground with 1 to 6 digits painted on it, none over the ink of another.

    Boxes may overlap at their corners, the ink does not, so that all ink stays visible and a box
    is exactly the extent of the pixels of which ink covers at least half.

    Args:
        ground: float64 (height, width, 3), 0 to 255; it is left as it is. Each side has at least
            100 pixels, which the largest digit fits into.
        digits: the pictures to choose from.
        rng: the only source of chance.
    """
    height, width = ground.shape[:2]
    canvas = ground.copy()
    taken = np.zeros((height, width), bool)
    boxes, labels = [], []
    for size in _sizes(rng):
        chosen = int(rng.integers(len(digits.labels)))
        cover = ink_cover(digits.images[chosen], size, rng)
        ink = cover >= 0.5
        rows, columns = cover.shape
        for _ in range(_TRIES):
            top = int(rng.integers(height - rows + 1))
            left = int(rng.integers(width - columns + 1))
            window = np.s_[top : top + rows, left : left + columns]
            if not (taken[window] & (cover > 0)).any():
                break
        else:
            continue
        canvas[window] += cover[..., None] * (_ink_colour(canvas[window], rng) - canvas[window])
        taken[window] |= cover > 0
        box = _extent(ink)
        boxes.append(np.array([top, left, top, left]) + box)
        labels.append(int(digits.labels[chosen]))
    image = np.clip(np.rint(canvas), 0, 255).astype(np.uint8)
    return Scene(image, np.array(boxes, np.int64), np.array(labels, np.int64))


def ink_cover(image: Array, size: float, rng: np.random.Generator) -> Array:
    """Returns how much of each pixel the digit's ink covers: float64 (rows, columns), 0 to 1.

    The 8x8 values are interpolated with cubic splines on the fine grid and cut at a level, which
    turns the blurred enlargement into strokes with sharp borders. The digit is turned by up to 12
    degrees, sheared and stretched a little; the array ends where the cover ends.

    Args:
        image: (8, 8), 0 (paper) to 16 (ink).
        size: pixels that the 8 source rows are enlarged to, about.
        rng: the only source of chance.
    """
    from scipy import ndimage

    scale = size / image.shape[0]
    angle = math.radians(rng.uniform(-12.0, 12.0))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    shear = np.array([[1.0, 0.0], [rng.uniform(-0.15, 0.15), 1.0]])
    stretch = np.diag([1.0, rng.uniform(0.85, 1.15)])
    to_source = turn @ shear @ stretch / scale

    # Large enough for any turn of the square; what stays empty is cut off below.
    side = math.ceil(1.5 * size)
    # A margin of paper lets strokes that touch the picture's border end round.
    paper = np.pad(image / image.max(), 2)
    centre = (np.array(paper.shape) - 1) / 2
    offset = centre - to_source @ np.full(2, (side - 1) / 2)
    fine = ndimage.affine_transform(
        paper, to_source, offset, (side, side), order=3, mode="constant"
    )
    # From paper to ink the values rise within about one source pixel, i.e. `scale` fine pixels;
    # the border of the stroke shall take about one and a half.
    cover = np.clip(0.5 + (fine - 0.45) * max(scale / 1.5, 1.0), 0.0, 1.0)
    ymin, xmin, ymax, xmax = _extent(cover > 0)
    trimmed: Array = cover[ymin:ymax, xmin:xmax]
    return trimmed


def draw_ground(rng: np.random.Generator) -> Array:
    """Returns a ground without digits: float64 (128, 128, 3), 0 to 255.

    A gradient between two colours, soft blotches, and 4 to 10 lines, arcs, rings and blocks that
    are paler than any digit.

    Args:
        rng: draws.
    """
    first, second = _colour(rng), _colour(rng)
    angle = rng.uniform(0.0, 2 * math.pi)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1) - 0.5
    along = 0.5 + (math.cos(angle) * columns + math.sin(angle) * rows) / math.sqrt(2.0)
    ground = first + along[..., None] * (second - first)
    cells = int(rng.integers(3, 9))
    ground += _enlarged(rng.normal(0.0, rng.uniform(5.0, 22.0), (cells, cells, 3)))

    for _ in range(int(rng.integers(4, 11))):
        # Lighter or darker than what lies under it by at most 45, far from a digit's contrast.
        shift = rng.uniform(-45.0, 45.0) + rng.uniform(-25.0, 25.0, 3)
        ground += _shape(rng)[..., None] * shift
    clipped: Array = np.clip(ground, 0.0, 255.0)
    return clipped


def _sizes(rng: np.random.Generator) -> Array:
    """Sizes of 1 to 6 digits, large ones first, since these find a free place only early."""
    least, greatest = np.log(SIZES)
    count = int(rng.integers(1, MOST_DIGITS + 1))
    return np.sort(np.exp(rng.uniform(least, greatest, count)))[::-1]


def _extent(mask: Array) -> Array:
    """ymin, xmin, ymax, xmax (exclusive) of the true elements, of which there is at least one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([rows[0], columns[0], rows[-1] + 1, columns[-1] + 1])


def _colour(rng: np.random.Generator) -> Array:
    return 255 * np.array(
        colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(0.1, 0.7), rng.uniform(0.15, 0.9))
    )


def _ink_colour(ground: Array, rng: np.random.Generator) -> Array:
    """A colour that is brighter or darker than the ground on average by `LEAST_CONTRAST`."""
    under = float((ground @ _LUMA).mean())
    lightest, darkest = 255.0 - LEAST_CONTRAST, LEAST_CONTRAST
    bright = rng.uniform() < 0.5 if darkest <= under <= lightest else under < darkest
    low, high = (under + LEAST_CONTRAST, 255.0) if bright else (0.0, under - LEAST_CONTRAST)
    luma = rng.uniform(low, high)
    hue = np.array(colorsys.hsv_to_rgb(rng.uniform(), 1.0, 1.0))
    hue -= hue @ _LUMA
    # As much of the hue as the colour can bear without a channel leaving 0 to 255: the clipped
    # colour would have another brightness.
    room = np.where(hue > 0, (255.0 - luma) / hue, np.where(hue < 0, -luma / hue, np.inf)).min()
    return luma + hue * min(room, 200.0) * rng.uniform(0.2, 1.0)


def _shape(rng: np.random.Generator) -> Array:
    """How much of each pixel a random line, arc, ring or block covers: (128, 128), 0 to 1."""
    double = 2 * SIDE  # Pillow draws without smoothing; halving the picture smooths.
    picture = Image.new("L", (double, double))
    draw = ImageDraw.Draw(picture)
    x, y = (int(v) for v in rng.integers(0, double, 2))
    wide, high = (int(v) for v in rng.integers(20, 160, 2))
    around = (x - wide // 2, y - high // 2, x + wide // 2, y + high // 2)
    pen = int(rng.integers(2, 13))
    kind = int(rng.integers(5))
    if kind == 0:
        points = np.array([x, y]) + np.cumsum(rng.integers(-60, 61, (4, 2)), axis=0)
        draw.line([(int(px), int(py)) for px, py in points], 255, pen, joint="curve")
    elif kind == 1:
        start = rng.uniform(0.0, 360.0)
        draw.arc(around, start, start + rng.uniform(60.0, 300.0), 255, pen)
    elif kind == 2:
        draw.ellipse(around, outline=255, width=pen)
    elif kind == 3:
        draw.ellipse(around, fill=255)
    else:
        draw.rectangle(around, fill=255)
    return np.asarray(picture.reduce(2), np.float64) / 255


def _enlarged(coarse: Array) -> Array:
    """The (n, n, 3) values, bicubically enlarged to (128, 128, 3)."""
    size = (SIDE, SIDE)
    planes = [
        np.asarray(Image.fromarray(plane.astype(np.float32)).resize(size, Image.Resampling.BICUBIC))
        for plane in np.moveaxis(coarse, -1, 0)
    ]
    return np.stack(planes, axis=-1).astype(np.float64)
