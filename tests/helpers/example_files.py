"""The files that examples of docstrings and documentation name, made in the current folder."""

from __future__ import annotations

import json
import pathlib
import shutil

from folders import write
from PIL import Image

#: A convolution a cell: examples are about what is called, not about the network.
LIGHT = pathlib.Path(__file__).parents[1] / "transfer" / "light.json"

#: A training of seconds on the embedded digits.
DIGITS = """\
experiment: cells_classification
task:
  model: {cells: {genotype: light.json, normal_cells: 1, filters: 8}}
  train_data: {tfds_name: digits, global_batch_size: 32}
  validation_data: {tfds_name: digits}
trainer: {train_steps: 40, steps_per_loop: 20, summary_interval: 20, checkpoint_interval: 20}
"""

#: A training of seconds on the embedded scenes of digits.
SCENES = """\
experiment: cells_retinanet
task:
  model:
    input_size: [64, 64, 3]
    backbone: {cells: {genotype: light.json, filters: 8, stem_filters: 32}}
    decoder: {fpn: {num_filters: 16}}
    head: {num_convs: 1, num_filters: 16}
    anchor: {anchor_size: 2.0}
  train_data: {tfds_split: "train[:8]", global_batch_size: 4}
  validation_data: {tfds_split: "validation[:8]", global_batch_size: 4}
trainer:
  train_steps: 4
  steps_per_loop: 4
  summary_interval: 4
  checkpoint_interval: 4
  validation_interval: 4
  optimizer_config: {warmup: {linear: {warmup_steps: 2}}}
"""

BOXES = {
    "images": [
        {"id": 1, "file_name": "red/000.png", "height": 16, "width": 16},
        {"id": 2, "file_name": "green/000.png", "height": 16, "width": 16},
    ],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 10, 8]},
        {"id": 2, "image_id": 1, "category_id": 1, "bbox": [4, 4, 6, 12]},
        {"id": 3, "image_id": 2, "category_id": 2, "bbox": [0, 0, 16, 16]},
    ],
    "categories": [{"id": 1, "name": "red"}, {"id": 2, "name": "green"}],
}


def make_images() -> None:
    """Makes `photo.png`, `photos`, a folder of images of two classes, and `boxes.json`, boxes in
    two of them, unless they are there."""
    if pathlib.Path("photos").exists():
        return
    write(pathlib.Path("photos"), {"red": 30, "green": 30})
    Image.new("RGB", (48, 40), "white").save("photo.png")
    pathlib.Path("boxes.json").write_text(json.dumps(BOXES), encoding="utf-8")


def make_files(package: str) -> None:
    """Makes what the docstrings of a package name.

    Args:
        package: its name.
    """
    make_images()
    shutil.copy(LIGHT, ".")
    if package == "transfer":
        import transfer

        pathlib.Path("digits.yaml").write_text(DIGITS, encoding="utf-8")
        transfer.train("run", config_file="digits.yaml")
    if package == "detection":
        import detection

        pathlib.Path("scenes.yaml").write_text(SCENES, encoding="utf-8")
        detection.train("run", config_file="scenes.yaml")
