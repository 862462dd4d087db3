"""What the tests of the third stage share: scenes of digits, a small genotype, a small detector."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest


@pytest.fixture
def photos(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder with a.jpg and b.jpg of 40x30 pixels."""
    from annotated import jpeg

    folder = tmp_path / "photos"
    folder.mkdir()
    for seed, name in enumerate("ab"):
        (folder / f"{name}.jpg").write_bytes(jpeg(seed=seed))
    return folder


@pytest.fixture(scope="session")
def scenes_dir(embedded_dir: pathlib.Path) -> pathlib.Path:
    """A folder that holds the embedded set `digits_scenes`."""
    from cells import data

    data.builder("digits_scenes", embedded_dir)
    return embedded_dir


@pytest.fixture(scope="session")
def genotype_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A genotype that is built and traced in seconds: one block a cell."""
    from cells.genotype.genotype import Block, Cell, Genotype, Side
    from cells.kinds import files as kinds

    cell = Cell((Block(Side(0, "sep_conv_3x3"), Side(1, "avg_pool_3x3")),), (2,))
    path = tmp_path_factory.mktemp("genotype") / "small.json"
    kinds.write(Genotype("small", cell, cell), path)
    return str(path)


@pytest.fixture(scope="session")
def settings(genotype_path: str) -> dict[str, Any]:
    """Settings of a detector of 64 pixels with few filters; copy before changing."""
    return {
        "task": {
            "model": {
                "input_size": [64, 64, 3],
                # Two levels; a third is another third of the time of tracing.
                "max_level": 4,
                "backbone": {
                    "cells": {
                        "genotype": genotype_path,
                        "filters": 8,
                        "stem_filters": 32,
                        "max_level": 4,
                    }
                },
                "decoder": {"fpn": {"num_filters": 16}},
                "head": {"num_convs": 1, "num_filters": 16},
                "anchor": {"anchor_size": 2.0},
            },
            "train_data": {"global_batch_size": 4},
            "validation_data": {"global_batch_size": 4},
        },
        "trainer": {"optimizer_config": {"warmup": {"linear": {"warmup_steps": 5}}}},
    }


@pytest.fixture(scope="session")
def small(settings: dict[str, Any], request: pytest.FixtureRequest) -> Any:
    """A function that gives the configuration of a small detector, with some keys set.

    Data come from the scenes, which are drawn if nobody has yet, where no `data_dir` is given.
    """

    def configured(override: dict[str, Any] | None = None, data_dir: Any = None) -> Any:
        from cells.support import overrides
        from detection.config import experiments

        params = experiments.cells_retinanet()
        overrides.apply(params, settings, "test")
        overrides.apply(params, override or {}, "test")
        data_dir = data_dir or request.getfixturevalue("scenes_dir")
        for side in (params.task.train_data, params.task.validation_data):
            side.tfds_data_dir = str(data_dir)
        return params

    return configured
