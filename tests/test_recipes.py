"""Every recipe in configs/ names a network that can be laid out, with the keys that exist."""

from __future__ import annotations

import pathlib

import pytest

CONFIGS = pathlib.Path(__file__).parents[1] / "configs"


def recipes(stage: str) -> list[pathlib.Path]:
    found = sorted((CONFIGS / stage).glob("*.yaml"))
    assert found
    return found


@pytest.mark.parametrize("path", recipes("detection"), ids=lambda p: p.stem)
def test_detection_recipes(path):
    from cells.network.stack import stack
    from detection.config import experiments
    from transfer.config import configure
    from transfer.config.cells_backbone import stack_of

    base = configure.experiment(configure.experiment_of([str(path)]), experiments.NAMES)
    params = configure.configure(base, files=[str(path)])
    assert stack(*stack_of(params.task.model.backbone.cells)).outputs


@pytest.mark.parametrize("path", recipes("transfer"), ids=lambda p: p.stem)
def test_transfer_recipes(path):
    from cells.network.stack import stack
    from transfer.config import configure
    from transfer.config.cells_backbone import stack_of
    from transfer.model import baselines

    base = configure.experiment(configure.experiment_of([path]) or configure.DEFAULT_EXPERIMENT)
    params = configure.configure(base, files=[str(path)])
    if not params.task.model.cells.genotype:
        pytest.skip("the network is that of task.init_checkpoint")
    if params.task.model.baseline:
        baselines.check(params.task.model)
    assert stack(*stack_of(params.task.model.cells)).outputs


@pytest.mark.parametrize("path", recipes("search"), ids=lambda p: p.stem)
def test_search_recipes(path):
    from cell_search.config import resolve, schema
    from cells.support.overrides import override

    assert resolve.resolve(override(schema.SearchConfig(), [str(path)])).space.decisions
