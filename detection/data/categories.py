"""Which number and name a data set gives each class, as COCO's files write categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cells import data

#: TFDS numbers COCO's classes from 0 without gaps; COCO's own numbers leave these out.
_COCO_GAPS = frozenset({12, 26, 29, 30, 45, 66, 68, 69, 71, 83})
_COCO_IDS = tuple(i for i in range(1, 91) if i not in _COCO_GAPS)


@dataclass(frozen=True)
class Categories:
    """The classes of a detector, in the order of the data set's labels.

    Attributes:
        ids: what COCO's result files call `category_id`.
        names: what people call them.
    """

    ids: tuple[int, ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def by_id(self) -> dict[int, str]:
        """The name of each class by its number."""
        return dict(zip(self.ids, self.names, strict=True))

    @property
    def labels(self) -> dict[int, int]:
        """The label of each class by its number."""
        return {number: label for label, number in enumerate(self.ids)}

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Numbers and names as the `categories` of COCO's files."""
        return [{"id": number, "name": name} for number, name in self.by_id.items()]


def of_builder(builder: Any) -> Categories:
    """The categories of a TFDS set.

    COCO has its official ids, 1 to 90; every other set numbers its classes by label, from 0.

    Args:
        builder: a prepared builder, as from `cells.data.builder`.

    Raises:
        UserError: it is no detection set.
    """
    names = data.detection_classes(builder).class_names
    is_coco = builder.info.name == "coco" and len(names) == len(_COCO_IDS)
    return Categories(_COCO_IDS if is_coco else tuple(range(len(names))), names)
