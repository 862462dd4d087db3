"""Images with the boxes, names and scores of what was found drawn on them."""

from __future__ import annotations

import colorsys
import functools
import os
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cells.files import atomic_path
from detection.detector import Detections

#: Small images are enlarged by a whole number so that a side has at least as many pixels:
#: letters on a picture of 128 pixels would cover what they name.
LEAST_SIDE = 512

_GOLDEN = 0.618034
Color = tuple[int, int, int]


def draw(
    image: np.ndarray, detections: Detections, names: Sequence[str], *, scores: bool = True
) -> Image.Image:
    """Draws what was found.

    A line in the colour of the class between two dark ones shows on light and on dark ground;
    names stand on a plate of that colour.

    Args:
        image: uint8 (height, width, 3), RGB.
        detections: boxes in pixels of `image`.
        names: of the classes, in the order of the labels.
        scores: whether they are written behind the names.

    Returns:
        A picture of the size of `image`, or of a whole multiple of it.
    """
    height, width = image.shape[:2]
    factor = max(1, -(-LEAST_SIDE // max(height, width)))
    picture = Image.fromarray(image).resize((width * factor, height * factor))
    canvas = ImageDraw.Draw(picture)
    line = max(2, round(max(picture.size) / 300))
    font = _font(max(14, round(max(picture.size) / 36)))
    # The surest last, so that they lie on top.
    order = np.argsort(detections.scores, kind="stable")
    boxes = [_corners(detections.boxes[i] * factor, picture.size) for i in order]
    for i, box in zip(order, boxes, strict=True):
        _draw_box(canvas, box, color(int(detections.labels[i])), line)
    for i, box in zip(order, boxes, strict=True):
        label = int(detections.labels[i])
        text = f"{names[label]} {detections.scores[i]:.2f}" if scores else names[label]
        _draw_name(canvas, box, text, color(label), font, picture.size)
    return picture


def save(picture: Image.Image, path: str | os.PathLike[str]) -> None:
    """Writes a picture in the format of the path's ending, complete or not at all."""
    with atomic_path(path) as temporary:
        picture.save(temporary, quality=92)


def color(label: int) -> Color:
    """A colour for a class: neighbours in number lie far apart in hue."""
    hue = (0.09 + label * _GOLDEN) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def _corners(box: np.ndarray, size: tuple[int, int]) -> tuple[int, int, int, int]:
    x, y, width, height = (float(v) for v in box)
    right, bottom = min(round(x + width), size[0]) - 1, min(round(y + height), size[1]) - 1
    left, top = max(round(x), 0), max(round(y), 0)
    return left, top, max(right, left), max(bottom, top)


def _draw_box(
    canvas: ImageDraw.ImageDraw, box: tuple[int, int, int, int], fill: Color, line: int
) -> None:
    left, top, right, bottom = box
    canvas.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=(0, 0, 0), width=1)
    inner = (left + line, top + line, right - line, bottom - line)
    if inner[2] > inner[0] and inner[3] > inner[1]:
        canvas.rectangle(inner, outline=(0, 0, 0), width=1)
    canvas.rectangle(box, outline=fill, width=line)


def _draw_name(
    canvas: ImageDraw.ImageDraw,
    box: tuple[int, int, int, int],
    text: str,
    fill: Color,
    font: ImageFont.FreeTypeFont,
    size: tuple[int, int],
) -> None:
    left, top, right, bottom = canvas.textbbox((0, 0), text, font=font)
    pad = max(2, (bottom - top) // 5)
    width, height = right - left + 2 * pad, bottom - top + 2 * pad
    # Above the box where there is room, else below its upper edge; always inside the picture.
    x = max(0, min(box[0], size[0] - width))
    y = box[1] - height if box[1] >= height else box[1]
    y = max(0, min(y, size[1] - height))
    canvas.rectangle((x, y, x + width - 1, y + height - 1), fill=fill, outline=(0, 0, 0), width=1)
    canvas.text((x + pad - left, y + pad - top), text, fill=_ink(fill), font=font)


def _ink(ground: Color) -> Color:
    """Black or white, whichever has the higher contrast (WCAG 2.1): at least 4.5 on any ground."""
    red, green, blue = (((c / 255 + 0.055) / 1.055) ** 2.4 for c in ground)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return (0, 0, 0) if luminance > 0.179 else (255, 255, 255)


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    import matplotlib

    # Its font has the letters of most languages, Pillow's own has not.
    path = os.path.join(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    return ImageFont.truetype(path, size)
