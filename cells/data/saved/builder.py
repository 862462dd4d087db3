"""The TFDS builder behind `cells.data.saved.images`. Import it only where TFDS is wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from cells.data.saved import images

#: Number, image, and label or (boxes, labels).
Examples = Iterator[tuple[int, np.ndarray, Any]]


class SavedImages(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Features: `image`, and `label`; or `image`, `image/id` and `objects` with `bbox` and `label`.

    Args:
        name: of the set.
        classes: their names, in the order of the labels.
        boxes: whether the images have objects.
        splits: the examples of each split.
        data_dir: the folder of prepared sets.
    """

    VERSION = tfds.core.Version(images.VERSION)
    RELEASE_NOTES: ClassVar[dict[str, str]] = {images.VERSION: "First version."}

    def __init__(
        self,
        *,
        name: str,
        classes: list[str],
        boxes: bool,
        splits: Mapping[str, Examples],
        data_dir: Path,
    ):
        self.name = name
        self._classes, self._boxes, self._splits = classes, boxes, splits
        super().__init__(data_dir=data_dir)

    def _info(self) -> tfds.core.DatasetInfo:
        label = tfds.features.ClassLabel(names=self._classes)
        image = {"image": tfds.features.Image(encoding_format="png")}
        objects = {"bbox": tfds.features.BBoxFeature(), "label": label}
        features = (
            {**image, "image/id": np.int64, "objects": tfds.features.Sequence(objects)}
            if self._boxes
            else {**image, "label": label}
        )
        return tfds.core.DatasetInfo(
            builder=self,
            description="Images that a program held, written by `cells.save_images`.",
            features=tfds.features.FeaturesDict(features),
            supervised_keys=None if self._boxes else ("image", "label"),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # Everything is there.
        return {split: self._generate_examples(given) for split, given in self._splits.items()}

    def _generate_examples(self, given: Examples) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, pixels, label in given:
            image = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
            if not self._boxes:
                yield number, {"image": image, "label": label}
                continue
            objects = [
                {"bbox": tfds.features.BBox(*(float(v) for v in box)), "label": int(each)}
                for box, each in zip(*label, strict=True)
            ]
            yield number, {"image": image, "image/id": number + 1, "objects": objects}
