"""Cells as the backbone of a detector: how much each trains, and that its seed decides the rest."""

from __future__ import annotations

import math
import pathlib

import pytest
from cost_tables import made

from benchmarks import quiet
from benchmarks.record import compare, scenes
from benchmarks.record.contestants import Contestant
from benchmarks.record.runs import ROOT, Record
from cell_search.costs import table
from cell_search.costs.table import CostTable, Overheads
from cells import data
from cells.genotype import catalogue, genotype_file

#: Of the cells below, and of the stem.
OPERATIONS = (
    *("identity", "conv_3x3", "sep_conv_3x3", "dil_conv_3x3"),
    *("max_pool_3x3", "max_pool_2x2"),
)


def contestant(name: str, stem: str = "transitions") -> Contestant:
    genotype = genotype_file.to_dict(catalogue.load(name))
    return Contestant("published", name, genotype, stem=stem, normal_cells=1, filters=4)


def of_weights(seconds: float) -> CostTable:
    """A table by which each weight costs so much, and nothing else does."""
    return made(OPERATIONS, Overheads(training=1e-12, parameter=seconds))


@pytest.mark.parametrize(
    ("name", "stem"), [("hand_written", "pooled"), ("darts_v2", "transitions")]
)
def test_what_is_predicted_is_the_backbone_that_is_trained(name: str, stem: str) -> None:
    from official.vision.modeling.backbones import factory
    from tf_keras.layers import InputSpec

    from detection.config.read import read_params

    who = contestant(name, stem)
    task = read_params(
        config_file=[str(scenes.CONFIG)],
        params_override=scenes.settings(who, seed=7, count=40),
        genotype=genotype_file.from_dict(who.genotype),
    ).task
    assert task.seed == task.train_data.seed == 7
    model = task.model
    backbone = factory.build_backbone(
        InputSpec(shape=[None, *model.input_size]), model.backbone, model.norm_activation
    )
    assert list(backbone.output) == ["3"]
    weights = sum(weight.shape.num_elements() for weight in backbone.trainable_weights)
    times = of_weights(1.0)
    assert scenes.steps(who, 1000.5 * weights, times) == 1000
    assert scenes.steps(who, 0.5 * weights, times) == 1


def test_the_seed_decides_all_of_a_training(
    tmp_path: pathlib.Path, embedded_dir: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Who measures on this machine meanwhile does not hold it up.
    monkeypatch.setattr(quiet.asked_for, "__defaults__", (tmp_path / "lock",))
    monkeypatch.setenv("CELLS_DATA_DIR", str(embedded_dir))
    data.builder(scenes.IMAGES, embedded_dir)
    who = contestant("hand_written")
    weights = 1e9 / scenes.steps(who, 1e9, of_weights(1.0))
    record = Record(ROOT, tmp_path / "runs", tmp_path)
    table.write(of_weights(scenes.SECONDS / (3.5 * weights)), record.data / "costs.json")
    task = compare.Task("transfers", who, 1000, scenes.IMAGES, pixels=scenes.PIXELS)
    first, second = (compare._in_a_process(record, task, math.inf) for _ in range(2))
    assert first is not None and second is not None
    assert first["steps"] == 3
    assert 0.0 <= first["AP"] <= first["AP50"] <= 1.0
    del first["processor_seconds"], second["processor_seconds"]
    assert first == second
