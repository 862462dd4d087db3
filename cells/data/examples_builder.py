"""The TFDS builder of sets that are made of images. Import it only where TFDS is wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from cells.data import prepared

#: Key, by which TFDS shuffles, and features of each example.
Examples = Iterator[tuple[int | str, dict[str, Any]]]


class ExamplesBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Writes examples that are there already.

    Args:
        name: of the set.
        splits: the examples of each split.
        data_dir: the folder of prepared sets.
        **info: what TFDS notes of the set, see `tfds.core.DatasetInfo`: `description`, `features`.
    """

    VERSION = tfds.core.Version(prepared.VERSION)
    RELEASE_NOTES: ClassVar[dict[str, str]] = {prepared.VERSION: "First version."}

    def __init__(self, *, name: str, splits: Mapping[str, Examples], data_dir: Path, **info: Any):
        self.name = name
        self._splits, self._noted = splits, info
        super().__init__(data_dir=data_dir)

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(builder=self, **self._noted)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # Everything is there.
        return {split: self._generate_examples(given) for split, given in self._splits.items()}

    def _generate_examples(self, given: Examples) -> Examples:
        return given
