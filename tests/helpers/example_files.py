"""The files that examples of docstrings and documentation name, made in the current folder."""

from __future__ import annotations

import pathlib

from folders import write
from PIL import Image

#: A training of seconds on the embedded digits.
DIGITS = """\
experiment: cells_classification
task:
  model: {cells: {genotype: snas_mild, normal_cells: 1, filters: 8}}
  train_data: {tfds_name: digits, global_batch_size: 32}
  validation_data: {tfds_name: digits}
trainer: {train_steps: 40, steps_per_loop: 20, summary_interval: 20, checkpoint_interval: 20}
"""


def make_images() -> None:
    """Makes `photo.png`, and `photos`, a folder of images of two classes, unless they are there."""
    if pathlib.Path("photos").exists():
        return
    write(pathlib.Path("photos"), {"red": 30, "green": 30})
    Image.new("RGB", (48, 40), "white").save("photo.png")


def make_files(package: str) -> None:
    """Makes what the docstrings of a package name.

    Args:
        package: its name.
    """
    make_images()
    if package == "transfer":
        import transfer

        pathlib.Path("digits.yaml").write_text(DIGITS, encoding="utf-8")
        transfer.train("run", config_file="digits.yaml")
