"""The weights that come with the package are what their card says."""

from __future__ import annotations

import json

import numpy as np
import pytest

import cells
from benchmarks.record import lists
from benchmarks.shipped_weights import HELD_OUT
from cell_search import images as image_files
from cells import shipped
from cells.weights import weights_file


def test_all_together_are_small() -> None:
    sizes = [(shipped.WEIGHTS / name).stat().st_size for name in shipped.weights()]
    assert 0 < sum(sizes) <= 10**6  # Who installs the package has them all.
    card = (shipped.WEIGHTS / "README.md").read_text(encoding="utf-8")
    for name, size in zip(shipped.weights(), sizes, strict=True):
        assert f"`{name}`" in card and f"{size:,}" in card


@pytest.mark.parametrize("name", shipped.weights())
def test_keras_finds_the_accuracy_of_the_log(name: str, data_dir) -> None:
    """On the images that were left out of their training."""
    *_, end = map(
        json.loads, (shipped.WEIGHTS / name).with_suffix(".jsonl").read_text().splitlines()
    )
    images = image_files.load(
        image_files.ImageSettings(
            data_dir=str(data_dir), split=lists.split("weights"), held_out=HELD_OUT
        )
    )
    own = weights_file.read(shipped.WEIGHTS / name)
    model = cells.build(own.genotype, weights=shipped.WEIGHTS / name)
    pixels, labels = images.held_out
    found = model.predict(pixels / np.float32(127.5) - 1, verbose=0).argmax(1)
    # Half precision moves an image or two.
    assert np.mean(found == labels) == pytest.approx(end["accuracy"], abs=0.004)
    assert end["accuracy"] > 0.7
