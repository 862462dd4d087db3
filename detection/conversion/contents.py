"""What a converted set holds, what was wrong with what it was made of, and how that is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cells.support.errors import listed
from detection.conversion import boxes
from detection.data import records


@dataclass
class Contents:
    """What shards hold; numbers add up.

    Attributes:
        images, objects, crowds, images_without_objects: how many.
        most_objects: in one image.
        turned: images whose pixels were turned upright, by name.
        as_stored: images that say how to turn them, and whose annotations fit without it.
        left_out: why images were left out, by name.
        faults: numbers of objects that are not as they should be.
        boxes_as_masks: objects without outlines, whose boxes became their masks.
    """

    images: int = 0
    objects: int = 0
    crowds: int = 0
    images_without_objects: int = 0
    most_objects: int = 0
    turned: list[str] = field(default_factory=list)
    as_stored: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    faults: boxes.BoxFaults = field(default_factory=boxes.BoxFaults)
    boxes_as_masks: int = 0

    def add(self, other: Contents) -> None:
        """Adds those of another shard."""
        self.images += other.images
        self.objects += other.objects
        self.crowds += other.crowds
        self.images_without_objects += other.images_without_objects
        self.most_objects = max(self.most_objects, other.most_objects)
        self.turned += other.turned
        self.as_stored += other.as_stored
        self.left_out |= other.left_out
        self.faults.add(other.faults)
        self.boxes_as_masks += other.boxes_as_masks

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {**vars(self), "faults": dict(vars(self.faults))}

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Contents:
        """The opposite of `to_dict`; what only other versions count is passed over."""
        known = {key: values[key] for key in vars(Contents()) if key in values}
        faults = boxes.BoxFaults()
        for key in vars(faults):
            getattr(faults, key).extend(known.get("faults", {}).get(key, ()))
        return Contents(**{**known, "faults": faults})


def described(found: records.Records, most: int = 10) -> list[str]:
    """Lines that say what a converted set holds, and what is wrong with what it was made of.

    Args:
        found: the set.
        most: how many numbers and names are listed of each kind; `boxes.json` has all.
    """
    held = Contents.from_dict(found.info["contents"])
    lines = [
        f"{found.folder}: {held.images:,} images with {held.objects:,} objects of "
        f"{len(found.categories)} classes in {found.info['shards']:,} files",
        f"crowds: {held.crowds:,}; images without objects: {held.images_without_objects:,}; most "
        f"objects in an image: {held.most_objects:,}",
    ]
    told = {
        "left out, of no width or height": held.faults.degenerate,
        "left out, outside of their image": held.faults.outside,
        "cut at the border of their image": held.faults.clipped,
        "the same class and box as another": held.faults.duplicates,
        "of a damaged outline, whose boxes are masks": held.faults.outlines,
    }
    for what, numbers in told.items():
        if numbers:
            lines.append(f"objects {what}: {len(numbers):,} ({listed(numbers, most)})")
    turned = {
        "turned upright, as their annotations see them": held.turned,
        "read turned together with their boxes, which fit them as they are stored": held.as_stored,
    }
    for what, names in turned.items():
        if names:
            lines.append(f"images {what}: {len(names):,} ({listed(names, most)})")
    if held.boxes_as_masks:
        lines.append(f"objects without outlines, whose boxes are masks: {held.boxes_as_masks:,}")
    if held.left_out:
        lines.append(f"images left out: {len(held.left_out):,}")
        lines += [f"  {name}: {why}" for name, why in list(held.left_out.items())[:most]]
        if len(held.left_out) > most:
            lines.append(f"  and {len(held.left_out) - most:,} more, see {records.INFO}")
    return lines
