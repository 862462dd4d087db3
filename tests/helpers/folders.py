"""Folders of small images whose classes differ by colour."""

from __future__ import annotations

import pathlib
import zlib
from collections.abc import Mapping

import numpy as np
from PIL import Image

COLOURS = {"red": 0, "green": 1, "blue": 2}


def write(root: pathlib.Path, counts: Mapping[str, int]) -> pathlib.Path:
    """So many images of 16x16 pixels in each folder; the last part of its name is the colour."""
    root.mkdir(parents=True)
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        for i in range(count):
            pixels = rng.integers(0, 150, (16, 16, 3), dtype=np.uint8)
            pixels[..., COLOURS[name.split("/")[-1]]] += 90
            Image.fromarray(pixels).save(root / name / f"{i:03}.png")
    return root
