"""Readers of boxes: COCO, Pascal VOC and YOLO, with the masks that COCO's outlines become."""

from __future__ import annotations

import contextlib
import functools
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.mutated_inputs.mutations import mutate_json, mutate_text
from benchmarks.mutated_inputs.reader import Reader

if TYPE_CHECKING:
    from detection.conversion import Annotations

_WIDTH, _HEIGHT = 40, 30

_VOC = b"""<annotation><folder>photos</folder><filename>a.png</filename>
<size><width>40</width><height>30</height><depth>3</depth></size>
<object><name>dog</name><difficult>1</difficult>
<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>40</xmax><ymax>30</ymax></bndbox></object>
<object><name>cat &amp; mouse</name>
<bndbox><xmin>11.5</xmin><ymin>6</ymin><xmax>20</xmax><ymax>10</ymax></bndbox></object>
</annotation>
"""


def _coco() -> list[bytes]:
    polygon = [2, 2, 12, 2, 12, 9.5, 2, 9]
    outlines: list[Any] = [
        [polygon],
        [polygon, [20, 20, 30, 20, 25, 28]],
        {"size": [_HEIGHT, _WIDTH], "counts": [62, 5, 25, 5, _HEIGHT * _WIDTH - 97]},
        # The same, packed by pycocotools.
        {"size": [_HEIGHT, _WIDTH], "counts": "n15i00fQ1"},
    ]
    values = {
        "info": {"year": 2017},
        "images": [
            {"id": 1, "file_name": "a.png", "height": _HEIGHT, "width": _WIDTH},
            {"id": 2, "file_name": "photos/b.png", "height": _HEIGHT, "width": _WIDTH},
        ],
        "annotations": [
            {
                **{"id": number, "image_id": 1 + number % 2, "category_id": 3},
                **{"bbox": [2, 2, 10, 7.5], "area": 70.5, "iscrowd": int(number == 3)},
                "segmentation": outline,
            }
            for number, outline in enumerate(outlines, 1)
        ],
        "categories": [{"id": 3, "name": "dog"}, {"id": 7, "name": "cat"}],
    }
    return [json.dumps(values).encode()]


def _yolo() -> list[bytes]:
    boxes = b"0 0.5 0.5 0.25 0.2\n1 0.1 0.1 0.05 0.0625\n"
    polygons = b"0 0.1 0.1 0.6 0.1 0.6 0.9 0.1 0.9\n1 0 0 0.5 0 0.5 1\n"
    names = (b"names: [dog, cat]\n", b"names: {0: dog, 1: cat}\nkpt_shape: [2, 2]\n")
    keypoints = b"0 0.5 0.5 0.2 0.4 0.45 0.40 0.55 0.60\n"
    return [
        names[0] + _BETWEEN + boxes,
        names[0] + _BETWEEN + polygons,
        names[1] + _BETWEEN + keypoints,
    ]


#: Between the two files of YOLO that are damaged as one.
_BETWEEN = b"%%\n"


def _read_coco(content: bytes, folder: Path) -> None:
    file = folder / "instances.json"
    file.write_bytes(content)
    _use(file, folder)


def _read_voc(content: bytes, folder: Path) -> None:
    (folder / "labels").mkdir()
    (folder / "labels" / "a.xml").write_bytes(content)
    _use(folder / "labels", folder)


def _read_yolo(content: bytes, folder: Path) -> None:
    (folder / "labels").mkdir()
    names, _, labels = content.partition(_BETWEEN)
    (folder / "labels" / "data.yaml").write_bytes(names)
    (folder / "labels" / "a.txt").write_bytes(labels)
    _use(folder / "labels", folder)


def _use(annotations: Path, folder: Path) -> None:
    """Reads annotations, and does with them all that needs no pixel: boxes, masks, a COCO file."""
    from detection import conversion
    from detection.conversion import boxes, masks

    photos = folder / "photos"
    photos.mkdir()
    for name in ("a.png", "b.png"):
        (photos / name).write_bytes(_png())
    found = conversion.read(annotations, conversion.open_images(photos))
    written = folder / "written.json"
    conversion.write_json(found, written)
    json.loads(written.read_bytes(), parse_constant=_refuse_constant)
    again = conversion.read(written)
    assert again.images == found.images, "images are written otherwise"
    assert _places(again) == _places(found), "objects are written otherwise"
    for image in found.images:
        kept, _ = boxes.checked(found.objects_of(image), _HEIGHT, _WIDTH)
        for box in kept:
            assert all(0 <= part <= 1 for part in box.corners), f"{box.corners} leave the image"
            with contextlib.suppress(ValueError):  # Told, and the box becomes the mask.
                masks.outlined(box.kept.segmentation, _HEIGHT, _WIDTH)


def _places(found: Annotations) -> list[Any]:
    objects = (item for items in found.objects.values() for item in items)
    return [(o.object_id, o.category_id, o.box, o.crowd, o.segmentation or None) for o in objects]


def _refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} was written, which is no JSON")


@functools.cache
def _png() -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (_WIDTH, _HEIGHT)).save(file, "PNG")
    return file.getvalue()


COCO = Reader(_coco, mutate_json, _read_coco)
VOC = Reader(lambda: [_VOC], mutate_text, _read_voc)
YOLO = Reader(_yolo, mutate_text, _read_yolo)
