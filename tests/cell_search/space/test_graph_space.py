"""Evolved graphs as a search space: points descend from trials."""

from __future__ import annotations

import json
import pathlib
import time
from collections import Counter

import numpy as np
import pytest
import shuffled
import yaml
from drivers import Job, ends, story, trials_of
from optuna.trial import TrialState

import cell_search
from cell_search.children import Bank, Child, Descent, Training
from cell_search.config import resolve, schema
from cell_search.driver.replay import Replayed, replay
from cell_search.evaluators._kept_files import KeptTraining
from cell_search.evaluators.train.inheritance import inherit
from cell_search.space import graph_space
from cell_search.space.graph_space import GraphSpace
from cell_search.study.directory import SearchDirectory
from cells.evolved.graph import FIRST, EvolvedGraph
from cells.evolved.mutations import MUTATIONS, draw, mutate
from cells.kinds import files
from cells.network.stack_config import StackConfig
from cells.support.errors import UserError

GRAPHS = {
    "space": {"name": "graph"},
    "strategy": {
        "type": "large_scale_evolution",
        "large_scale_evolution": {"population": 8, "founders": 2},
    },
}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("graphs") / "search"
    Job(path, {**GRAPHS, "trials": 40}).run()
    return path


def test_the_graph_of_a_trial_is_its_parents_after_a_mutation(searched):
    study = SearchDirectory(searched).read_study()
    found, parents = [], Counter()
    for trial in study.trials:
        noted, params = trial.user_attrs, trial.params
        graph = EvolvedGraph.from_dict(noted["graph"])
        before = FIRST if params["parent"] < 0 else found[params["parent"]]
        assert mutate(before, params["mutation"], params["seed"]) == graph_of(before, graph)
        inherits = params["parent"] >= 0 and params["mutation"] != "reset_weights"
        assert noted.get("parent", -1) == (params["parent"] if inherits else -1)
        found.append(graph)
        parents[params["parent"]] += 1
        assert len(json.dumps(noted["graph"])) < 65_536
    assert parents[-1] == 2 and len({t.params["mutation"] for t in study.trials}) >= 7
    assert max(len(g.edges) for g in found) > 3


def graph_of(before: EvolvedGraph, graph: EvolvedGraph) -> EvolvedGraph:
    """A graph under the name that its trial's parent has."""
    data = {**graph.to_dict(), "name": before.name}
    return EvolvedGraph.from_dict(data)


def test_the_winner_is_written_as_a_file_of_a_graph(searched):
    graph = files.read(searched / "genotype.json")
    assert isinstance(graph, EvolvedGraph) and graph.provenance["space"] == "graph"
    result = cell_search.open_search(searched)
    best = max((t for t in result.study.trials if t.values), key=lambda t: t.value)
    assert graph.canonical_key() == EvolvedGraph.from_dict(best.user_attrs["graph"]).canonical_key()


LAYERWISE = {"space": {"name": "layerwise", "layerwise": {"layers": 6, "strides": [1, 2]}}}


@pytest.mark.parametrize("settings", [GRAPHS, LAYERWISE], ids=["graph", "layerwise"])
def test_a_search_that_is_killed_again_and_again_finds_the_same(settings, searched, tmp_path):
    path, rng = tmp_path / "search", np.random.default_rng(0)
    job = Job(path, {**settings, "trials": 40})
    if settings is not GRAPHS:
        searched = tmp_path / "undisturbed"
        Job(searched, job.settings).run()
    journal = path / "study.journal"
    whole = (searched / "study.journal").stat().st_size
    for kill in range(5):
        process = begin(job)
        until = whole * (kill + rng.uniform(0.2, 0.8)) / 6
        while process.is_alive() and not (journal.exists() and journal.stat().st_size > until):
            time.sleep(0.001)
        assert process.exitcode is None
        process.kill()
        process.join()
    assert 0 < len(trials_of(path)) < 40
    ends(begin(job))
    assert story(path) == story(searched)
    ours, theirs = (files.read(p / "genotype.json") for p in (path, searched))
    assert ours == theirs


def begin(job: Job):
    from drivers import begin as started

    return started(job)


def test_what_was_proposed_out_of_order_is_proposed_again(tmp_path):
    settings = {**GRAPHS, "trials": 40, "top": 1, "seed": 3}
    shuffled.run(tmp_path, shuffled.shuffled(settings))
    study = SearchDirectory(tmp_path).read_study()
    replayed = list(replay(shuffled.shuffled(settings), study))
    assert replayed == [Replayed(number, "") for number in range(40)]


def test_a_set_point_lets_a_population_grow_before_anybody_dies():
    own = {"type": "large_scale_evolution", "large_scale_evolution": {"population": 6}}
    own["large_scale_evolution"] |= {"founders": 1, "reset_weights": 0.0}
    settings = {**GRAPHS, "strategy": own, "trials": 40}
    result = cell_search.search(settings, score=lambda genotype: len(genotype.edges))
    trials = result.study.trials
    assert [t.params["parent"] for t in trials].count(-1) == 1
    dead = result.resolved.strategy.disposable_trials()
    # All results but the last were learned from: six live behind each tournament, less one.
    assert len(dead) == len(trials) - 1 - 5
    for trial in trials[1:]:
        assert trial.params["parent"] < trial.number


def test_without_selection_the_worse_has_children_as_often():
    def share(selection: bool) -> float:
        own = {"population": 10, "founders": 4, "selection": selection}
        strategy = {"type": "large_scale_evolution", "large_scale_evolution": own}
        settings = {**GRAPHS, "strategy": strategy, "trials": 80, "seed": 1}
        result = cell_search.search(settings, score=lambda genotype: len(genotype.edges))
        return float(np.mean([t.value for t in result.study.trials[-20:]]))

    assert share(True) > 1.5 * share(False)


@pytest.mark.parametrize("mutation", ["identity", *sorted(set(MUTATIONS) - {"identity"})])
def test_variables_of_equal_id_and_shape_are_inherited_bit_by_bit(mutation):
    rng = np.random.default_rng(0)
    names = ["insert_convolution", "insert_one_to_one", "add_skip"]
    parent = FIRST
    while len(parent.edges) < 8:
        _, _, parent = draw(parent, rng, names)
    config = StackConfig(image_size=(8, 8))
    bank = Bank()
    own = Child(parent, config, bank, seed=1)
    images = rng.normal(size=(8, 8, 8, 3)).astype("float32")
    if mutation == "identity":
        Training(own, Descent()).step(images, np.arange(8) % 10, 0.1)
    kept = KeptTraining(
        {"layers": {layer.name: layer.parts for layer in own.layers}},
        {"trained": own.trained.numpy(), "moved": own.moved.numpy()},
    )
    _, _, graph = draw(parent, rng, [mutation])
    child, fresh = (Child(graph, config, bank, seed=2) for _ in range(2))
    share = inherit(child, kept)
    before = {layer.name: layer.get_weights() for layer in own.layers}
    for layer, new in zip(child.layers, fresh.layers, strict=True):
        for i, (value, initial) in enumerate(zip(layer.get_weights(), new.weights, strict=True)):
            theirs = before.get(layer.name, [])
            equal = i < len(theirs) and theirs[i].shape == value.shape
            np.testing.assert_array_equal(value, theirs[i] if equal else initial)
    if mutation in ("identity", "alter_learning_rate", "add_skip", "remove_skip"):
        assert share == 1.0
        np.testing.assert_array_equal(child.trained, own.trained)
        np.testing.assert_array_equal(child.moved, own.moved)


def test_children_are_trained_with_the_learning_rate_of_their_graph(small, tmp_path):
    train = {"epochs": 1, "batch": 32, "flip": False, "shift": 1, "schedule": "constant"}
    settings = {
        **small,
        **GRAPHS,
        "strategy": {
            "type": "large_scale_evolution",
            "large_scale_evolution": {"population": 3, "founders": 1},
        },
        "evaluator": {"type": "train", "train": train},
        "images": {**small["images"], "training": 96, "held_out": 100},
        "trials": 4,
    }
    result = cell_search.search(settings, directory=tmp_path / "search")
    trials = result.study.trials
    assert all(t.state == TrialState.COMPLETE for t in trials)
    assert trials[0].user_attrs["metrics"]["parameters"] == 40
    assert any(t.user_attrs["metrics"]["inherited"] > 0 for t in trials[1:])
    space, search = result.resolved.space, result.resolved
    for trial in trials:
        rate = EvolvedGraph.from_dict(trial.user_attrs["graph"]).learning_rate
        assert search.evaluator_of(trial.params).learning_rate == rate
        assert space.decode(trial.params).learning_rate == rate
    values = yaml.safe_load((tmp_path / "search" / "train.yaml").read_text())
    rate = values["trainer"]["optimizer_config"]["learning_rate"]["cosine"]
    winner = files.read(tmp_path / "search" / "genotype.json")
    # In proportion to the images of a step.
    assert rate["initial_learning_rate"] == pytest.approx(2 * winner.learning_rate, rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategy": {"type": "random"}}, "strategy.type: the graphs of this space descend from"),
        (
            {"sieve": {"candidates": 5, "keep": 2}},
            "sieve.candidates: there is one graph that does not descend",
        ),
        ({"space": {"name": "graph", "blocks": 3}}, "space.blocks: 3: the space graph has no"),
        ({"space": {"name": "graph", "growable": True}}, "space.growable: only cells of blocks"),
    ],
)
def test_what_graphs_cannot_have_is_refused(changes, message):
    with pytest.raises(UserError) as error:
        _ = resolve.resolve(schema.from_values({**GRAPHS, **changes}, "test")).sieve
    assert str(error.value).startswith(message)


def test_graphs_that_were_edited_in_a_study_are_noticed(searched):
    space = GraphSpace()
    recorded = SearchDirectory(searched).read_study().trials
    space.follow(lambda number: recorded[number])
    point = next(t.params for t in recorded if t.params["parent"] >= 0)
    space.decode(point)
    recorded[point["parent"]].user_attrs["graph"]["learning_rate"] = 0.2
    with pytest.raises(UserError, match=r"trial \d+: its 'graph' is not what was recorded; the"):
        space.decode(point)
    noted = recorded[point["parent"]].user_attrs
    noted["graph"] = {**noted["graph"], "edges": []}
    noted["graph sha256"] = graph_space._hash(noted["graph"])
    with pytest.raises(UserError, match=r"trial \d+: edges: is empty; it needs at least"):
        space.decode(point)
    with pytest.raises(UserError, match="trial 999: is not there, and others descend from it"):
        space.decode({**point, "parent": 999})
    with pytest.raises(UserError, match="trial -1: remove_skip of its graph is impossible"):
        space.decode({"parent": -1, "mutation": "remove_skip", "seed": 0})
