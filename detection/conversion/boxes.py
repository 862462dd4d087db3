"""What becomes of boxes that cannot be, or not as they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from detection.conversion.annotations import AnnotatedObject, Box

#: Pixels by which a box may leave its image unnoticed: files round to hundredths.
ROUNDING = 0.02


@dataclass
class BoxFaults:
    """Numbers of the objects whose boxes are not as they should be.

    Attributes:
        degenerate: left out: width or height is not above 0.
        outside: left out: no part is inside the image.
        clipped: kept, cut at the border of the image.
        duplicates: kept: another object of the image has the same class and box.
        outlines: kept: the outline cannot be drawn, so that the box became the mask.
    """

    degenerate: list[int] = field(default_factory=list)
    outside: list[int] = field(default_factory=list)
    clipped: list[int] = field(default_factory=list)
    duplicates: list[int] = field(default_factory=list)
    outlines: list[int] = field(default_factory=list)

    def add(self, other: BoxFaults) -> None:
        """Adds those of other images."""
        for name, numbers in vars(other).items():
            getattr(self, name).extend(numbers)


@dataclass(frozen=True)
class Corners:
    """A box that lies in its image.

    Attributes:
        kept: the object that it is of.
        corners: ymin, xmin, ymax, xmax as parts of height and width, in 0..1.
    """

    kept: AnnotatedObject
    corners: Box


def checked(
    objects: Sequence[AnnotatedObject], height: int, width: int
) -> tuple[list[Corners], BoxFaults]:
    """The boxes of an image that can be trained on, and what is wrong with the others.

    Args:
        objects: of the image.
        height: of the image, in pixels.
        width: of the image, in pixels.
    """
    faults = BoxFaults()
    kept: list[Corners] = []
    seen: set[tuple[int, Box]] = set()
    for item in objects:
        x, y, w, h = item.box
        if w <= 0 or h <= 0:
            faults.degenerate.append(item.object_id)
            continue
        ymin, xmin, ymax, xmax = (
            min(max(value, 0.0), 1.0)
            for value in (y / height, x / width, (y + h) / height, (x + w) / width)
        )
        if ymin >= ymax or xmin >= xmax:
            faults.outside.append(item.object_id)
            continue
        if max(-x, -y, x + w - width, y + h - height) > ROUNDING:
            faults.clipped.append(item.object_id)
        if (item.category_id, item.box) in seen:
            faults.duplicates.append(item.object_id)
        seen.add((item.category_id, item.box))
        kept.append(Corners(item, (ymin, xmin, ymax, xmax)))
    return kept, faults
