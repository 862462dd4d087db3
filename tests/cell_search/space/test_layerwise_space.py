"""The space of layer-wise networks: decisions, growth, what it refuses, and a search in it."""

from __future__ import annotations

import numpy as np
import pytest
from layerwise_networks import random_network
from strategy_contract import new_study, run

import cell_search
from cell_search.evaluators import EVALUATORS
from cell_search.images import ImageSettings
from cell_search.space import published
from cell_search.space.layerwise import LayerwiseSpace
from cell_search.strategies import STRATEGIES
from cells.kinds import files
from cells.operations.counts import summarize
from cells.support.errors import UserError

PAPER = published.named("layerwise")
SMALL = LayerwiseSpace(layers=3, sizes=(1, 3), filters=(8, 12))


def skips(point) -> float:
    return float(sum(value is True for value in point.values()))


def test_the_papers_decisions() -> None:
    # 15 layers of height, width and filters, and a skip for each pair of layers.
    assert len(PAPER.decisions) == 15 * 3 + 15 * 14 / 2
    assert PAPER.size == 4 ** (15 * 3) * 2**105
    # With strides of 1, 2 or 3 by rows and by columns: five tokens a layer.
    predicted = LayerwiseSpace(layers=20, strides=(1, 2, 3))
    assert len(predicted.decisions) == 20 * 5 + 20 * 19 / 2


def test_the_published_network_is_a_point() -> None:
    network = files.find("nas_v1")
    point = PAPER.encode(network)
    assert PAPER.decode(point, name=network.name) == network
    assert PAPER.canonical_key(point) == network.canonical_key()


def test_points_are_networks() -> None:
    rng, space = np.random.default_rng(0), LayerwiseSpace(layers=5, strides=(1, 2))
    for _ in range(20):
        point = space.random(rng)
        network = space.decode(point)
        assert space.encode(network) == point
        assert network.name == f"layerwise-{network.canonical_key()[:8]}"


def test_depth_grows_in_the_course_of_a_search() -> None:
    """Zoph & Le 2017: 6 layers, and 2 more every 1,600 samples; 12,800 of them."""
    space = LayerwiseSpace(layers=20, first_layers=6)
    point = space.random(np.random.default_rng(0))
    depths = [len(space.decode(space.at(point, n)).layers) for n in (0, 1599, 1600, 11_199, 11_200)]
    assert depths == [6, 6, 8, 18, 20]
    assert len(space.decode(space.at(point, 10**6)).layers) == 20
    growing = LayerwiseSpace(layers=4, first_layers=2, every=3)
    for name in ("random", "regularized_evolution"):
        points = run(new_study(), STRATEGIES.find(name)(growing, seed=1), 9, skips)
        assert [p["layers"] for p in points] == [2, 2, 2, 4, 4, 4, 4, 4, 4]
    # What lies beyond the depth is no difference.
    beyond = {**points[0], "layer_4/filters": 24}
    assert growing.canonical_key(beyond) == growing.canonical_key({**beyond, "layer_4/filters": 36})


@pytest.mark.parametrize(
    "name", [n for n, s in STRATEGIES.items() if not s.follows and ":" not in n]
)
def test_every_strategy_takes_it(name: str) -> None:
    strategy = STRATEGIES.find(name)(SMALL, seed=0)
    for point in run(new_study(), strategy, 6, skips):
        assert SMALL.encode(SMALL.decode(point)) == point


def test_what_does_not_fit_is_told() -> None:
    for changes, sentence in (
        ({"filters": (8, 8)}, r"space.layerwise.filters: \[8, 8\] are no choices"),
        ({"sizes": ()}, r"space.layerwise.sizes: \[\] are no choices"),
        ({"filters": (8, 10**9)}, "space.layerwise.filters: 1,000,000,000 is too large; use at"),
        ({"layers": 0}, "space.layerwise.layers: 0 is too small"),
        ({"layers": 3, "first_layers": 4}, "space.layerwise.first_layers: 4 are more than the 3"),
    ):
        with pytest.raises(UserError, match=sentence):
            LayerwiseSpace(**changes)
    for network, sentence in (
        (files.find("nas_v1"), "has 15 layers, and networks of this space have 3"),
        (random_network(np.random.default_rng(0), 3), "and this space has"),
        (files.find("nasnet_a"), "NASNet-A: is no layer-wise network"),
    ):
        with pytest.raises(UserError, match=sentence):
            SMALL.encode(network)
    with pytest.raises(UserError, match="NAS v1: is a layer-wise network of 15 layers, and this s"):
        published.named("nasnet").encode(files.find("nas_v1"))


def test_evaluators_of_cells_refuse_whole_networks() -> None:
    images = ImageSettings(name="digits", held_out=100)
    for name in ("darts", "shared_weights"):
        with pytest.raises(UserError, match="scores cells, and this space has whole networks; use"):
            EVALUATORS.find(name)().check(images, SMALL)
    train = EVALUATORS.find("train")
    with pytest.raises(UserError, match=r"evaluator.train.drop_path_keep: is for networks stacked"):
        train(drop_path_keep=0.5).check(images, SMALL)
    train().check(images, SMALL)


def test_a_stride_beyond_its_map_is_no_candidate(monkeypatch) -> None:
    space = LayerwiseSpace(layers=2, sizes=(3,), filters=(8,), strides=(1, 16))
    parameters = EVALUATORS.find("parameters")(size=32)
    point = {d.name: d.choices[-1] for d in space.decisions}  # 32 pixels, then 2, then 16 of these.
    assert not parameters.knows(point, space, ImageSettings())
    assert parameters.knows({**point, "layer_2/skip_1": False}, space, ImageSettings())
    values = {"name": "layerwise", "layerwise": {"layers": 4, "strides": [1, 16]}}
    config = {"space": values, "strategy": "random", "images": {"name": "digits"}}
    config["evaluator"] = {"type": "parameters", "parameters": {"size": 32}}
    result = cell_search.search(config, trials=12)
    assert len(result.trials) == 12
    for trial in result.study.trials:
        network = result.resolved.space.decode(trial.params)
        network.layout((32, 32), 10)
    monkeypatch.setattr("cell_search.study.trials.ATTEMPTS", 5)
    values["layerwise"] |= {"layers": 8, "strides": [16]}
    with pytest.raises(UserError, match=r"none of 5 .* keeps to what images of this size allow \("):
        cell_search.search(config)


def test_a_search_leaves_networks(tmp_path) -> None:
    config = {
        "space": {"name": "layerwise", "layerwise": {"layers": 3, "filters": [8, 12]}},
        "strategy": {"type": "random"},
        "evaluator": {"type": "parameters", "parameters": {"size": 8}},
        "limits": {"multiply_adds": 1e12},
        "images": {"name": "digits"},
        "trials": 5,
    }
    result = cell_search.search(config, directory=tmp_path)
    best = files.read(tmp_path / "genotype.json")
    assert len(result.best.decisions) == 3 * 3 + 3
    assert best == result.genotype and best.kind == "layerwise"
    graph = best.layout((8, 8), 10)
    assert result.best.score["parameters"] == summarize(graph, ("logits",), (8, 8)).trainable
    assert len(list((tmp_path / "top").glob("*.json"))) == 5
    page = (tmp_path / "report.html").read_text()
    assert "The best networks" in page and "Network of trial" in page and "3 layers" in page
    assert "layerwise.layers" in page and "parameters.normal_cells" not in page
    assert best.provenance["space"] == "layerwise"
    # What is of cells is refused, also where it is as it would be anyway; the file of settings has
    # none of it, and can be given again.
    for key, value in (
        ("evaluator.parameters.normal_cells", 2),
        ("evaluator.train.filters", 32),
        ("rerank.evaluator.train.stem", "cifar"),
        ("settings.filters", "[16, 32]"),
    ):
        with pytest.raises(UserError, match=f"{key}: is for networks stacked of cells, and this"):
            cell_search.search(config, directory=tmp_path, params_override=f"{key}={value}")
    again = cell_search.search(tmp_path / "config.yaml", directory=tmp_path)
    assert len(again.trials) == 5
    # Another space of that name is another search.
    config["space"]["layerwise"]["layers"] = 4
    with pytest.raises(UserError, match=r"space.layerwise.layers is 4, was 3"):
        cell_search.search(config, directory=tmp_path)
