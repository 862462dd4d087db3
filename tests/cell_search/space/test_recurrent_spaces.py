"""Spaces of recurrent cells: sizes counted, the normal form enumerated, searches in them."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

import cell_search
from cell_search.space import published
from cell_search.space.recurrent_spaces import HighwaySpace, TreeSpace
from cells import recurrent
from cells.recurrent import recurrent_file
from cells.support.errors import UserError


def test_the_space_of_the_paper():
    """Zoph & Le 2017, section 4.2: approximately 6 x 10^16 for base 8."""
    space = published.named("recurrent")
    assert len(space.decisions) == 34
    assert space.size == 8**15 * 8 * 15**2
    assert f"{space.size:.0e}" == "6e+16"
    assert len(published.named("recurrent", 16).decisions) == 66


def test_distinct_cells_of_base_2():
    """Burnside: the swap of both leaves keeps a point where they are equal and nobody names one."""
    space = TreeSpace(blocks=2)
    kept = 8 * 8 * 8  # Leaves, last node, injection; both indices are the last node's.
    assert space.size == 8**3 * 8 * 3**2
    # How c comes in is not touched by the swap: one of the 8 ways is enumerated.
    one_way = {"inject/combination": "add", "inject/activation": "tanh"}
    points = (p for p in space.all_points() if p.items() >= one_way.items())
    keys = {space.canonical_key(point) for point in points}
    assert 8 * len(keys) == (space.size + kept) // 2


def test_highway_cells():
    """Four activations and any earlier state of 8 nodes; DARTS V2 is among them, ENAS's, too."""
    space = HighwaySpace()
    assert space.size == 4**8 * 40_320
    for name in ("darts_v1", "darts_v2"):
        known = recurrent.load(name)
        assert space.decode(space.encode(known)).cell == known.cell
    with pytest.raises(UserError, match="is a recurrent highway cell of 11 nodes that"):
        space.encode(recurrent.load("enas_paper"))


def test_trees_are_points_and_points_trees():
    space, rng = TreeSpace(), np.random.default_rng(0)
    nas = recurrent.load("nas")
    assert space.decode(space.encode(nas)).cell == nas.cell
    for _ in range(20):
        point = space.random(rng)
        assert space.encode(space.decode(point)) == point


@pytest.mark.parametrize("name, blocks", [("recurrent", 3), ("recurrent_darts", 64)])
def test_sizes_that_there_are_not(name, blocks):
    if name == "recurrent":
        with pytest.raises(UserError, match="cannot have 3 leaves; use 2, 4, 8, 16"):
            published.named(name, blocks)
    else:
        assert len(published.named(name, blocks).decisions) == 2 * blocks - 1


def worth(genotype) -> float:
    """How many nodes have tanh."""
    return float(sum(node.activation == "tanh" for node in genotype.cell.nodes))


STRATEGIES = (
    "random",
    "regularized_evolution",
    "reinforce",
    "ppo",
    "large_scale_evolution",
    "local_search",
    "optuna:TPESampler",
    "progressive",
    "bayesian",
)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("space", ["recurrent", "recurrent_darts"])
def test_strategies_search_them(space, strategy):
    settings = {
        "bayesian": {"initial": 4},
        "progressive": {"beam": 4},
        "regularized_evolution": {"population": 4, "sample": 2},
    }
    chosen = {strategy: settings[strategy]} if strategy in settings else {}
    result = cell_search.search(
        score=worth,
        space=space,
        trials=8,
        settings={"space": {"blocks": 4}, "strategy": {"type": strategy, **chosen}},
    )
    space = result.resolved.space
    assert result.best.score["score"] == worth(result.genotype)
    assert result.genotype == space.decode(result.best.decisions)


def test_what_a_search_leaves(tmp_path: pathlib.Path):
    first = {"type": "random", "first": ["nas", "lstm"]}
    settings = {"strategy": first, "top": 2, "space": {"name": "recurrent"}}
    result = cell_search.search(score=worth, trials=3, settings=settings, directory=tmp_path)
    space = result.resolved.space
    cells = [space.decode(t.params).cell for t in result.study.trials[:2]]
    assert cells == [recurrent.load(name).cell for name in ("nas", "lstm")]
    written = recurrent_file.read(tmp_path / "genotype.json")
    assert written == result.genotype
    assert written.provenance["space_source"] == "Zoph & Le 2017, section 3.4"
    assert recurrent_file.read(tmp_path / "top" / "02.json").cell != written.cell
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/svg+xml") == 2
    assert not (tmp_path / "train.yaml").exists()


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"evaluator": {"type": "parameters"}}, "language_model for recurrent cells"),
        ({"limits": {"parameters": 10}}, "limits: are there for cells that are networks for"),
        ({"space": {"growable": True}}, "only cells of blocks can grow"),
    ],
)
def test_what_is_there_for_image_cells_only(settings, words):
    merged = {**settings, "space": {"name": "recurrent", **settings.get("space", {})}}
    with pytest.raises(UserError, match=words):
        cell_search.search(merged, trials=1)
