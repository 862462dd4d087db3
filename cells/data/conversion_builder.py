"""The TFDS builder behind `cells.data.conversion`. Import it only where TFDS is wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from cells.data import conversion, encoding
from cells.data.image_folders import ImageFile


class FolderBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Features: `image` uint8 `(height, width, 3)`, `label`, `file_name` (relative to the folder).

    Args:
        name: of the set.
        root: the folder of images.
        classes: their names, in the order of the labels.
        shape: of the images; None where they differ.
        splits: the images of each split, all of them readable.
        metadata: what is noted beside the set.
        data_dir: the folder of prepared sets.
    """

    VERSION = tfds.core.Version(conversion.VERSION)
    RELEASE_NOTES: ClassVar[dict[str, str]] = {conversion.VERSION: "First version."}

    def __init__(
        self,
        *,
        name: str,
        root: Path,
        classes: list[str],
        shape: tuple[int | None, int | None, int],
        splits: Mapping[str, list[ImageFile]],
        metadata: dict[str, Any],
        data_dir: Path,
    ):
        self.name = name
        self._root, self._classes, self._shape, self._splits = root, classes, shape, splits
        self._metadata = metadata
        super().__init__(data_dir=data_dir)

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=f"Images of the folder {self._root.resolve()}, made by `cells dataset`.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=self._shape),
                    "label": tfds.features.ClassLabel(names=self._classes),
                    "file_name": tfds.features.Text(),
                }
            ),
            supervised_keys=("image", "label"),
            metadata=tfds.core.MetadataDict(self._metadata),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # Everything is there.
        return {split: self._generate_examples(files) for split, files in self._splits.items()}

    def _generate_examples(self, files: list[ImageFile]) -> Iterator[tuple[str, dict[str, Any]]]:
        # TFDS shuffles by the keys: equal folders give equal records, wherever they lie.
        for file in files:
            image = encoding.encoded((self._root / file.path).read_bytes()).data
            yield file.path, {"image": image, "label": file.label, "file_name": file.path}
