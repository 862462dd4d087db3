"""The protocols of the papers, shortened: 2 children of each, and what the papers say of them."""

from __future__ import annotations

import math
import pathlib

import numpy as np
import pytest
from optuna.trial import TrialState

import cell_search
from cell_search.config import resolve, schema
from cell_search.driver import rerank
from cells.kinds import files
from cells.recurrent import counts
from cells.support import overrides

CONFIGS = pathlib.Path(__file__).parents[3] / "configs" / "search"

#: What makes two children of a protocol quick; images, too.
SHORT = (
    "trials=2,images.name=digits,images.held_out=100,images.training=32,"
    "evaluator.train.batch=16,evaluator.train.normal_cells=1,evaluator.train.filters=4,"
    "evaluator.train.epochs=1,report_minutes=0"
)

RECIPES = {
    "nasnet_paper": "space.blocks=1",
    "pnas_paper": "",
    "amoebanet_paper": "space.blocks=1",
    "enas_paper": "space.blocks=2,evaluator.shared_weights.batch=16,"
    "evaluator.shared_weights.normal_cells=1,evaluator.shared_weights.filters=4,"
    "evaluator.shared_weights.validation_batch=50,evaluator.shared_weights.final_candidates=1,"
    "evaluator.shared_weights.final_batches=2",
    "nas_rl_paper": "space.layerwise.layers=3,space.layerwise.first_layers=2,"
    "space.layerwise.every=1,space.layerwise.filters=[4,6]",
    "darts_paper": "space.blocks=1,evaluator.darts.batch=16,evaluator.darts.normal_cells=1,"
    "evaluator.darts.filters=4,evaluator.darts.epochs=1,evaluator.darts.score_batches=1",
}


def _config(name: str, text: str = "") -> schema.SearchConfig:
    return overrides.override(schema.SearchConfig(), [str(CONFIGS / f"{name}.yaml")], text)


@pytest.mark.parametrize("name", RECIPES)
def test_two_children(name: str, digits_dir: pathlib.Path, tmp_path: pathlib.Path) -> None:
    text = f"{SHORT},images.data_dir={digits_dir},{RECIPES[name]}".rstrip(",")
    values = _config(name, text)
    result = cell_search.search(values, directory=tmp_path)
    trials = result.study.trials
    assert [t.state for t in trials] == [TrialState.COMPLETE] * 2
    assert all(0.0 <= t.value <= 1.0 for t in trials)
    assert len({result.resolved.space.canonical_key(t.params) for t in trials}) == 2
    assert files.read(tmp_path / "genotype.json").provenance["strategy"] == (values.strategy.type)


def test_candidates_and_steps_of_enas() -> None:
    """One minibatch a candidate: 150 epochs of the 281 whole batches of 45,000 images.

    Pham et al. 2018, section 3.2, and the authors' script.
    """
    values = _config("enas_paper")
    search = resolve.resolve(values)
    shared = search.evaluator
    batches = (50_000 - search.images.held_out) // shared.batch
    trained = values.trials - shared.final_candidates
    assert (batches, trained) == (281, shared.epochs * batches)
    # Section 2.4, and the authors' tanh constant.
    controller = search.strategy.settings
    assert (controller.inputs, controller.limit, shared.along) == ("attention", 1.1, "another")
    # 6 + 2 cells, then 15 + 2.
    assert (3 * shared.normal_cells, shared.filters) == (6, 20)
    again = rerank.final(search).evaluator
    assert (3 * again.normal_cells, again.filters, again.epochs) == (15, 36, 630)


def test_halves_and_epochs_of_darts() -> None:
    """Liu et al. 2019, section 3.1 and appendix A.1."""
    search = resolve.resolve(_config("darts_paper"))
    darts = search.evaluator
    assert 2 * search.images.held_out == 50_000
    assert search.config.trials == darts.epochs + 1 == 51
    assert (3 * darts.normal_cells + 2, darts.filters, darts.batch) == (8, 16, 64)
    longer = rerank.final(search)
    again = longer.evaluator
    assert (3 * again.normal_cells + 2, again.filters, again.epochs) == (20, 36, 600)
    assert longer.images.held_out == 5_000


def test_sizes_of_the_papers() -> None:
    """Zoph et al. 2018, section 4; Liu et al. 2018, section 5; Real et al. 2019, section 3."""
    found = {}
    for name in ("nasnet_paper", "pnas_paper", "amoebanet_paper"):
        search = resolve.resolve(_config(name))
        train = search.evaluator
        found[name] = (
            train.normal_cells,
            train.filters,
            train.epochs,
            search.config.trials,
            search.images.held_out,
            search.space.blocks,
        )
        again = rerank.final(search).evaluator
        assert again.epochs > 10 * train.epochs and again.normal_cells == 6
        # What is not named stays.
        assert (again.batch, again.l2) == (train.batch, train.l2)
    assert found == {
        "nasnet_paper": (2, 32, 20, 20_000, 5_000, 5),
        "pnas_paper": (2, 24, 20, 1_160, 5_000, 5),
        "amoebanet_paper": (3, 24, 25, 20_000, 5_000, 5),
    }


def test_population_and_steps_of_evolved_graphs() -> None:
    """Real et al. 2017, sections 3.1 and 3.4: 25,600 steps of 50 images, weight decay 1e-4."""
    search = resolve.resolve(_config("large_scale_evolution_paper"))
    train, strategy = search.evaluator, search.strategy.settings
    steps = (50_000 - search.images.held_out) // train.batch * train.epochs
    assert abs(steps - 25_600) < 900 and train.batch == 50
    assert (train.momentum, 2 * train.l2, train.schedule) == (0.9, 1e-4, "constant")
    assert (strategy.population, strategy.founders, train.inherit) == (1000, 0, True)
    first = search.space.random(np.random.default_rng(0))
    assert search.evaluator_of(first).learning_rate == 0.1
    assert rerank.final(search).evaluator.inherit is False


def test_depths_and_rewards_of_nas_rl() -> None:
    """Zoph & Le 2017, section 4.1: 6 layers, 2 more every 1,600 of 12,800 samples; the cube of the
    best of the last five epochs' accuracies."""
    search = resolve.resolve(_config("nas_rl_paper"))
    assert search.space.depths == (6, 8, 10, 12, 14, 16, 18, 20)
    assert search.config.trials == search.space.every * len(search.space.depths) == 12_800
    train, controller = search.evaluator, search.strategy.settings
    assert (train.epochs, train.reward_of, train.reward_epochs) == (50, "best", 5)
    assert (controller.rewards, controller.inputs, controller.batch) == ("cubed", "attention", 8)
    assert train.reward_power == 1.0, "they are not cubed twice"
    assert search.images.held_out == 5_000


def test_the_recurrent_search_of_the_paper() -> None:
    """Zoph & Le 2017, section 4.2: 34 decisions, 35 epochs, 15,000 children as large as the medium
    models of Zaremba et al. 2014, with 10,000 words."""
    search = resolve.resolve(_config("nas_rl_recurrent_paper"))
    child, controller = search.evaluator, search.strategy.settings
    assert (len(search.space.decisions), child.epochs, search.config.trials) == (34, 35, 15_000)
    assert (controller.units, controller.layers, controller.batch) == (35, 2, 10)
    cell = search.space.decode(search.space.random(np.random.default_rng(0))).cell
    of_layer = counts.shapes(cell, child.units, child.units).values()
    parameters = 10_000 * child.units + child.layers * sum(map(math.prod, of_layer))
    assert parameters == pytest.approx(20e6, rel=0.01)
    # The loss of a window is a mean here, a sum of steps there.
    assert child.learning_rate == 1.0 * child.steps
    assert child.clip == pytest.approx(5.0 / child.steps, rel=0.1)
