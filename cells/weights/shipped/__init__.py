"""Weights that come with the package: small networks; README.md beside this file tells all."""

from __future__ import annotations

import pathlib

from cells.weights.weights_file import ENDING

FOLDER = pathlib.Path(__file__).parent

#: Bytes of all together, at most: who installs the package has them all.
MOST_BYTES = 10**6


def names() -> list[str]:
    """The names of their files, such as `hand_written_cifar10.safetensors`."""
    return sorted(path.name for path in FOLDER.glob(f"*{ENDING}"))
