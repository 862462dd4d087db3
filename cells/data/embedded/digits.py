"""The TFDS builder `digits`: handwritten digits as CIFAR-sized colour pictures.

Import this module only where TFDS is wanted; importing registers the name with TFDS, once for a
process.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from cells.data.embedded import handwritten

SIDE = 32

_DESCRIPTION = """\
The 1,797 handwritten digits that scikit-learn bundles (8x8 grey values), enlarged to 32x32 pixels
with bicubic interpolation and stored with three equal channels, so that whatever is made for
CIFAR takes them unchanged. Ink is white (255), paper black (0). The test split holds the last 36
pictures of each digit in scikit-learn's order, written by people who wrote next to none of the
train split.
"""


def enlarge(image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Returns the 8x8 picture of values 0 to 16 as uint8 (32, 32, 3), 0 to 255.

    Each source pixel becomes a 4x4 block, between whose centres the values are interpolated
    bicubically (Keys' kernel, a = -0.5); at the border only the pixels that exist count.
    """
    grey = np.rint(image * (255 / handwritten.PEAK)).astype(np.uint8)
    large = Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.repeat(np.asarray(large)[..., None], 3, axis=-1)


class Digits(tfds.core.GeneratorBasedBuilder):
    """Splits `train` (1,437) and `test` (360); `image` uint8 (32, 32, 3), `label` 10 classes."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "First version."}

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(SIDE, SIDE, 3), encoding_format="png"),
                    "label": tfds.features.ClassLabel(names=[str(digit) for digit in range(10)]),
                }
            ),
            supervised_keys=("image", "label"),
            homepage=handwritten.HOMEPAGE,
            citation=handwritten.CITATION,
            license=handwritten.LICENSE,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # scikit-learn brings the pictures along.
        return {split: self._generate_examples(split) for split in ("train", "test")}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        part = handwritten.load(split)
        for index, image, label in zip(part.indices, part.images, part.labels, strict=True):
            yield int(index), {"image": enlarge(image), "label": int(label)}
