"""The TFDS builder `digits_scenes`: scenes of handwritten digits with COCO's features.

Import this module only where TFDS is wanted; importing registers the name with TFDS, once for a
process.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from cells.data.embedded import handwritten, scene_drawing

SEED = 20240607
SCENES = {"train": 1000, "validation": 200}
_DIGITS_OF = {"train": "train", "validation": "test"}

_DESCRIPTION = """\
Scenes of 128x128 pixels with one to six handwritten digits, 20 to 64 pixels large, on cluttered
coloured ground, drawn from the digits that scikit-learn bundles. Scenes of `train` hold digits of
`digits`' train split only, those of `validation` digits of its test split only. The features are
those of `coco/2017` with ten classes. A box is the extent of the digit's ink, `area` is the area
of the box in pixels, ids are unique over both splits, and nothing is a crowd.
"""


class DigitsScenes(tfds.core.GeneratorBasedBuilder):
    """Splits `train` (1,000) and `validation` (200), drawn from one fixed seed."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "First version."}

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(encoding_format="jpeg"),
                    "image/filename": tfds.features.Text(),
                    "image/id": np.int64,
                    "objects": tfds.features.Sequence(
                        {
                            "area": np.int64,
                            "bbox": tfds.features.BBoxFeature(),
                            "id": np.int64,
                            "is_crowd": np.bool_,
                            "label": tfds.features.ClassLabel(names=[str(d) for d in range(10)]),
                        }
                    ),
                }
            ),
            homepage=handwritten.HOMEPAGE,
            citation=handwritten.CITATION,
            license=handwritten.LICENSE,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # The scenes are drawn here.
        return {split: self._generate_examples(split) for split in SCENES}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        digits = handwritten.load(_DIGITS_OF[split])
        # Ids count on from split to split, so that none occurs twice.
        first = 1 + sum(SCENES[s] for s in list(SCENES)[: list(SCENES).index(split)])
        for image_id in range(first, first + SCENES[split]):
            # A generator for each scene: a scene does not depend on how many were drawn before.
            scene = scene_drawing.draw_scene(digits, np.random.default_rng([SEED, image_id]))
            yield image_id, example(scene, image_id)


def example(scene: scene_drawing.Scene, image_id: int) -> dict[str, Any]:
    """Returns the scene as an example with COCO's features.

    The objects' ids are ten times `image_id`, plus the place of the object in the scene.
    """
    height, width = scene.image.shape[:2]
    objects = []
    for place, (box, label) in enumerate(zip(scene.boxes, scene.labels, strict=True)):
        ymin, xmin, ymax, xmax = (int(v) for v in box)
        objects.append(
            {
                "area": (ymax - ymin) * (xmax - xmin),
                "bbox": tfds.features.BBox(
                    ymin=ymin / height, xmin=xmin / width, ymax=ymax / height, xmax=xmax / width
                ),
                "id": 10 * image_id + place,
                "is_crowd": False,
                "label": int(label),
            }
        )
    return {
        "image": scene.image,
        "image/filename": f"{image_id:012d}.jpg",
        "image/id": image_id,
        "objects": objects,
    }
