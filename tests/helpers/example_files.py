"""The files that examples of docstrings and documentation name, made in the current folder."""

from __future__ import annotations

import json
import pathlib
import shutil

from folders import write
from PIL import Image

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


#: What the page on Python trains, by the packages whose docstrings go on with it.
TRAINED = {"transfer": ("runs/digits", "digits.yaml"), "detection": ("runs/scenes", "scenes.yaml")}


def make_files(package: str) -> None:
    """Makes what the docstrings of a package name, in a folder where the page on Python was run.

    Args:
        package: its name.
    """
    make_images()
    if package in TRAINED:
        folder, config = TRAINED[package]
        shutil.rmtree("run", ignore_errors=True)  # That of another package.
        shutil.copytree(folder, "run")
        for name, copy in (("params.yaml", config), ("genotype.json", "genotype.json")):
            shutil.copy(pathlib.Path("run", name), copy)
