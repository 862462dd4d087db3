"""Small annotations and images to convert."""

from __future__ import annotations

import io
import json

import numpy as np
from PIL import Image


def jpeg(width=40, height=30, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def coco(boxes=(), **changes):
    """Two images, 1 and 2, and boxes in the first; ids of boxes from 1."""
    values = {
        "images": [
            {"id": 1, "file_name": "a.jpg", "height": 30, "width": 40},
            {"id": 2, "file_name": "b.jpg", "height": 30, "width": 40},
        ],
        "annotations": [
            {"id": i, "image_id": 1, "category_id": 7, "bbox": box, "area": 1.5, "iscrowd": 0}
            for i, box in enumerate(boxes, 1)
        ],
        "categories": [{"id": 7, "name": "cat"}, {"id": 3, "name": "dog"}],
    }
    return {**values, **changes}


def written(tmp_path, values):
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(values))
    return path


def converted(tmp_path, photos, values, **settings):
    """The folder `out` of boxes, made of a COCO file with these values."""
    from detection import conversion

    annotations = conversion.read(written(tmp_path, values))
    images = conversion.open_images(photos)
    return conversion.convert(annotations, images, tmp_path / "out", **settings)


def side(found):
    """The configuration of data that a conversion wrote."""
    from official.vision.configs import retinanet

    return retinanet.DataConfig(input_path=found.pattern, tfds_name="", is_training=False)


def stored(found):
    """The examples that a conversion wrote, as the trainer decodes them."""
    from detection.data import dataset

    return list(dataset.decoded(side(found)).as_numpy_iterator())
