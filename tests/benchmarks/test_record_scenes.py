"""Cells as the backbone of a detector: how much each trains, and that its seed decides the rest."""

from __future__ import annotations

import pathlib

import pytest
from cost_tables import made

from benchmarks.record import compare, scenes
from benchmarks.record.contestants import Contestant
from cell_search.costs import table
from cell_search.costs.table import CostTable, Overheads
from cells import data
from cells.genotype import catalogue, genotype_file

#: Of the cells below, and of the stem.
OPERATIONS = (
    *("identity", "conv_3x3", "sep_conv_3x3", "dil_conv_3x3"),
    *("max_pool_3x3", "max_pool_2x2"),
)


def contestant(name: str) -> Contestant:
    genotype = genotype_file.to_dict(catalogue.load(name))
    return Contestant("published", name, genotype, stem="cifar", normal_cells=1, filters=4)


@pytest.fixture
def weights_alone() -> CostTable:
    """A table by which only weights cost something: a second each."""
    return made(OPERATIONS, Overheads(training=1e-12, parameter=1.0))


@pytest.mark.parametrize("name", ["hand_written", "darts_v2"])
def test_what_is_predicted_is_the_backbone_that_is_trained(
    name: str, weights_alone: CostTable
) -> None:
    from official.vision.modeling.backbones import factory
    from tf_keras.layers import InputSpec

    from detection.config.read import read_params

    who = contestant(name)
    model = read_params(
        config_file=[str(scenes.CONFIG)],
        params_override=scenes.settings(who, seed=0, count=40),
        genotype=genotype_file.from_dict(who.genotype),
    ).task.model
    backbone = factory.build_backbone(
        InputSpec(shape=[None, *model.input_size]), model.backbone, model.norm_activation
    )
    weights = sum(weight.shape.num_elements() for weight in backbone.trainable_weights)
    assert list(backbone.output) == ["3"]
    assert scenes.steps(who, 1000.5 * weights, weights_alone) == 1000
    assert scenes.steps(who, 0.5 * weights, weights_alone) == 1


def test_a_seed_decides_all_of_a_training(
    weights_alone: CostTable,
    tmp_path: pathlib.Path,
    embedded_dir: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data.builder(scenes.IMAGES, embedded_dir)
    monkeypatch.setenv("CELLS_DATA_DIR", str(embedded_dir))
    who, path = contestant("hand_written"), tmp_path / "costs.json"
    table.write(weights_alone, path)
    weights = 1 / (scenes.steps(who, 1e9, weights_alone) / 1e9)
    monkeypatch.setattr(scenes, "SECONDS", 3.5 * weights)
    first, same, other = (
        compare.train(compare.Task("transfers", who, seed, scenes.IMAGES, pixels=96), path)
        for seed in (1000, 1000, 1001)
    )
    assert first["steps"] == 3
    assert 0.0 <= first["AP"] <= first["AP50"] <= 1.0
    assert same["loss"] == pytest.approx(first["loss"], rel=1e-4)
    assert other["loss"] != pytest.approx(first["loss"], rel=1e-3)
