"""Images with the boxes, masks, names and scores of what was found drawn on them."""

from __future__ import annotations

import colorsys
import functools
import os
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cells.support.files import atomic_path
from detection.data import masks
from detection.inference.detector import Detections

#: Small images are enlarged by a whole number so that a side has at least as many pixels:
#: letters on a picture of 128 pixels would cover what they name.
LEAST_SIDE = 512

_GOLDEN = 0.618034
Color = tuple[int, int, int]
Corners = tuple[int, int, int, int]


def draw(
    image: np.ndarray, detections: Detections, names: Sequence[str], *, scores: bool = True
) -> Image.Image:
    """Draws what was found.

    A line in the colour of the class between two dark ones shows on light and on dark ground;
    names stand on a plate of that colour, and masks are tinted with it.

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
    side = _side(picture.size)
    line = max(2, round(side / 300))
    font = _font(max(14, round(side / 36)))
    # The surest last, so that they lie on top.
    order = np.argsort(detections.scores, kind="stable")
    if detections.masks is not None:
        picture = _tinted(picture, detections.only(order), factor, line)
    canvas = ImageDraw.Draw(picture)
    boxes = [_corners(detections.boxes[i] * factor, picture.size) for i in order]
    for i, box in zip(order, boxes, strict=True):
        # Nor may the lines hide what they show.
        side = min(box[2] - box[0], box[3] - box[1])
        _draw_box(canvas, box, color(int(detections.labels[i])), max(1, min(line, side // 10)))
    texts = [
        f"{names[label]} {score:.2f}" if scores else names[label]
        for label, score in zip(detections.labels[order], detections.scores[order], strict=True)
    ]
    plates: list[Corners] = []
    for box, text in reversed(list(zip(boxes, texts, strict=True))):
        plates.append(_free_plate(canvas, box, text, font, picture.size, plates))
    for i, plate, text in zip(order, reversed(plates), texts, strict=True):
        _draw_name(canvas, plate, text, color(int(detections.labels[i])), font)
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


def _corners(box: np.ndarray, size: tuple[int, int]) -> Corners:
    x, y, width, height = (float(v) for v in box)
    right, bottom = min(round(x + width), size[0]) - 1, min(round(y + height), size[1]) - 1
    left, top = max(round(x), 0), max(round(y), 0)
    return left, top, max(right, left), max(bottom, top)


def _side(size: tuple[int, int]) -> int:
    """What letters and lines are in proportion to: the longer side, unless it is a panorama's."""
    return min(max(size), 3 * min(size))


def _tinted(picture: Image.Image, found: Detections, factor: int, line: int) -> Image.Image:
    """The picture with the pixels of each object in the colour of its class, half through it."""
    import cv2

    assert found.masks is not None
    pixels = np.array(picture)
    whole = masks.pasted(found.masks, found.boxes * factor, *pixels.shape[:2])
    for mask, label in zip(whole, found.labels, strict=True):
        fill = color(int(label))
        pixels[mask] = (pixels[mask].astype(np.uint16) + fill) // 2
        edges, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        for ink, width in (((0, 0, 0), line + 2), (fill, line)):
            cv2.drawContours(pixels, edges, -1, ink, width)
    return Image.fromarray(pixels)


def _draw_box(canvas: ImageDraw.ImageDraw, box: Corners, fill: Color, line: int) -> None:
    left, top, right, bottom = box
    canvas.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=(0, 0, 0), width=1)
    inner = (left + line, top + line, right - line, bottom - line)
    if inner[2] > inner[0] and inner[3] > inner[1]:
        canvas.rectangle(inner, outline=(0, 0, 0), width=1)
    canvas.rectangle(box, outline=fill, width=line)


def _free_plate(
    canvas: ImageDraw.ImageDraw,
    box: Corners,
    text: str,
    font: ImageFont.FreeTypeFont,
    size: tuple[int, int],
    taken: Sequence[Corners],
) -> Corners:
    """A place for a name at its box: inside the picture and, if there is one, where no other is."""
    left, top, right, bottom = map(round, canvas.textbbox((0, 0), text, font=font))
    pad = _pad(bottom - top)
    width, height = right - left + 2 * pad, bottom - top + 2 * pad
    x = max(0, min(box[0], size[0] - width))
    # Above the box, below its upper edge, below it, above its lower edge.
    rows = (box[1] - height, box[1], box[3] + 1, box[3] + 1 - height)
    places = [(x, y, x + width - 1, y + height - 1) for y in rows if 0 <= y <= size[1] - height]
    free = (place for place in places if not any(_overlap(place, other) for other in taken))
    return next(free, places[0] if places else (x, 0, x + width - 1, height - 1))


def _draw_name(
    canvas: ImageDraw.ImageDraw,
    plate: Corners,
    text: str,
    fill: Color,
    font: ImageFont.FreeTypeFont,
) -> None:
    left, top, _, bottom = map(round, canvas.textbbox((0, 0), text, font=font))
    pad = _pad(bottom - top)
    canvas.rectangle(plate, fill=fill, outline=(0, 0, 0), width=1)
    canvas.text((plate[0] + pad - left, plate[1] + pad - top), text, fill=_ink(fill), font=font)


def _pad(letters: int) -> int:
    return max(2, letters // 5)


def _overlap(one: Corners, other: Corners) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


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
