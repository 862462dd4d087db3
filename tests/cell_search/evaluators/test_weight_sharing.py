"""Shared weights: who reads which, and searches and re-rankings with them."""

from __future__ import annotations

import copy
import dataclasses
import json
import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import yaml
from optuna.trial import TrialState
from whole_searches import searched, story

import cell_search
from cell_search.children import Bank, Child, Descent, Training
from cell_search.children.shared import SharedWeights
from cell_search.config import resolve, schema
from cell_search.driver import rerank
from cell_search.evaluators import Request, Result, WeightSharing, evaluate
from cell_search.evaluators._child_network import child_config
from cell_search.images import ImageSettings
from cell_search.space import published
from cells.genotype.genotype import Block, Cell, Genotype, Side
from cells.support.errors import UserError

FILTERS = 4

#: Of a cell of two blocks.
STATES = 4


@pytest.fixture(scope="module")
def bank() -> Bank:
    return Bank()


def genotype(*blocks: tuple[tuple[int, str], tuple[int, str]], stacking: str = "enas") -> Genotype:
    """Both cells of these blocks, each two sides; unread states are joined."""
    made = tuple(Block(Side(*left), Side(*right)) for left, right in blocks)
    cell = Cell(made, Cell(made, ()).unread)
    return Genotype("test", cell, cell, stacking=stacking)


SEPARABLE, POOL, SAME = "sep_conv_3x3", "max_pool_3x3", "identity"
#: Joins state 3 alone.
CHAIN = genotype(((0, SEPARABLE), (1, SAME)), ((2, SEPARABLE), (1, POOL)))
#: Joins states 2 and 3; the first block is that of `CHAIN`.
WIDE = genotype(((0, SEPARABLE), (1, SAME)), ((0, SEPARABLE), (1, POOL)))
#: Joins states 0, 2 and 3; the first block has the two sides of `CHAIN` exchanged.
TURNED = genotype(((1, SAME), (1, SEPARABLE)), ((1, POOL), (1, SEPARABLE)))


def made(found: Genotype, bank: Bank) -> Child:
    size = {"normal_cells": 1, "filters": FILTERS, "size": (12, 12), "num_classes": 10}
    return Child(found, child_config(found, **size), bank)


def layers(child: Child, shared: SharedWeights) -> dict[str, list[np.ndarray]]:
    """The trained weights that a child is lent, by the name of the layer."""
    child.trained = tf.constant(shared.lend(child)[0])
    return {layer.name: layer.get_weights()[:2] for layer in child.layers}


def equal(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def train(child: Child, shared: SharedWeights, steps: int = 2) -> None:
    lent = shared.lend(child)
    training = Training(child, Descent(), whole=None)
    child.trained, training.velocity = tf.constant(lent[0]), tf.constant(lent[1])
    rng = np.random.default_rng(0)
    for _ in range(steps):
        images = rng.normal(size=(8, 12, 12, 3)).astype(np.float32)
        training.step(images, rng.integers(10, size=8).astype(np.int32), 0.1)
    shared.take_back(child, np.stack([child.trained, training.velocity]))


def test_the_same_operation_on_the_same_state_of_the_same_block_is_the_same(bank: Bank) -> None:
    shared = SharedWeights(STATES, 1)
    chain, wide = (layers(made(g, bank), shared) for g in (CHAIN, WIDE))
    for cell in ("group_1_cell_1", "reduction_1", "group_3_cell_1"):
        name = f"{cell}_block_0_left_separable_1"
        assert equal(chain[name], wide[name])
        # The second blocks have the operation on another state.
        name = f"{cell}_block_1_left_separable_2"
        assert not equal(chain[name], wide[name])
    assert equal(chain["stem_conv"], wide["stem_conv"])
    # Every cell has its own, every block, and every side.
    name = "group_{}_cell_1_block_{}_{}_separable_2"
    turned = layers(made(TURNED, bank), shared)
    assert not equal(wide[name.format(1, 0, "left")], wide[name.format(1, 1, "left")])
    assert not equal(turned[name.format(2, 0, "right")], turned[name.format(2, 1, "right")])
    twins = genotype(((0, SEPARABLE), (0, SEPARABLE)), ((2, SEPARABLE), (1, POOL)))
    both = layers(made(twins, bank), shared)
    assert not equal(both[name.format(1, 0, "left")], both[name.format(1, 0, "right")])
    assert equal(both[name.format(1, 0, "left")], chain[name.format(1, 0, "left")])


def test_convolutions_behind_a_cell_are_one_by_the_index_of_their_inputs(bank: Bank) -> None:
    """Rows of a kernel belong to the state that they read, whatever else is joined."""
    shared = SharedWeights(STATES, 1)
    chain, wide, turned = (layers(made(g, bank), shared) for g in (CHAIN, WIDE, TURNED))
    # What joins a single state of the same depth is not fitted by ENAS; the classifier is there
    # always, behind a cell with four times the filters.
    rows = {
        name: np.split(found["logits"][0], count)
        for name, found, count in (("chain", chain, 1), ("wide", wide, 2), ("turned", turned, 3))
    }
    np.testing.assert_array_equal(rows["chain"][0], rows["wide"][1])
    np.testing.assert_array_equal(rows["wide"][0], rows["turned"][1])
    np.testing.assert_array_equal(rows["wide"][1], rows["turned"][2])
    assert not np.array_equal(rows["turned"][0], rows["turned"][1])
    # The same in a convolution, and in both halves of a factorized reduction.
    for name in ("group_2_cell_1_fit_conv", "group_2_cell_1_align_conv_1"):
        kernels = [found[name][0] for found in (wide, turned) if name in found]
        assert len(kernels) == 2
        narrow, broad = kernels
        assert broad.shape[2] == narrow.shape[2] // 2 * 3
        np.testing.assert_array_equal(narrow, broad[:, :, narrow.shape[2] // 2 :])


def test_training_one_changes_the_other_where_they_share_and_only_there(bank: Bank) -> None:
    shared = SharedWeights(STATES, 1)
    chain, wide = made(CHAIN, bank), made(WIDE, bank)
    before = layers(chain, shared)
    train(wide, shared)
    after = layers(chain, shared)
    changed = {name for name, weights in after.items() if not equal(weights, before[name])}
    assert "group_1_cell_1_block_0_left_separable_1" in changed
    assert {"stem_conv", "logits", "reduction_2_block_0_left_separable_2"} <= changed
    assert not any("block_1" in name for name in changed)
    name = "group_1_cell_1_block_0_left_separable_1"
    assert equal(after[name], layers(wide, shared)[name])
    # A velocity rests with its weight.
    velocity = shared.lend(chain)[1]
    mine = SharedWeights(STATES, 1)
    assert not mine.lend(chain)[1].any()
    assert velocity.any() and (velocity == 0.0).sum() > len(velocity) // 10


def test_weights_follow_from_the_seed_whoever_comes_first(bank: Bank) -> None:
    chain, wide = made(CHAIN, bank), made(WIDE, bank)
    one, other, third = SharedWeights(STATES, 1), SharedWeights(STATES, 1), SharedWeights(STATES, 2)
    one.lend(chain)
    other.lend(wide)
    np.testing.assert_array_equal(one.lend(wide), other.lend(wide))
    assert len(one) > one.lend(wide).shape[1]
    assert np.corrcoef(one.lend(wide)[0], third.lend(wide)[0])[0, 1] < 0.95


def test_what_is_kept_comes_back(bank: Bank) -> None:
    shared = SharedWeights(STATES, 1)
    wide, chain = made(WIDE, bank), made(CHAIN, bank)
    train(wide, shared)
    shared.steps = 7
    again = SharedWeights.from_bytes(shared.to_bytes())
    assert again.steps == 7 and len(again) == len(shared)
    np.testing.assert_array_equal(again.lend(wide), shared.lend(wide))
    # What nobody has asked for yet is drawn from the same seed.
    np.testing.assert_array_equal(again.lend(chain), shared.lend(chain))
    nothing = SharedWeights.from_bytes(SharedWeights(STATES, 3).to_bytes())
    assert len(nothing) == 0 and nothing.seed == 3


@pytest.mark.parametrize("name", ["nasnet", "pnas", "enas", "darts"])
def test_every_space_can_share(name: str, bank: Bank) -> None:
    """What is lent fits, and what is taken back is lent again."""
    space = published.find(name, 2)
    shared = SharedWeights(space.blocks + 2, 1)
    rng = np.random.default_rng(0)
    for _ in range(5):
        child = made(space.decode(space.random(rng)), bank)
        lent = shared.lend(child)
        assert lent.shape == (2, len(child.trained))
        shared.take_back(child, lent + 1.0)
        np.testing.assert_array_equal(shared.lend(child), lent + 1.0)


EVALUATOR = {
    "normal_cells": 1,
    "filters": FILTERS,
    "steps": 2,
    "batch": 16,
    "period": 1,
    "flip": False,
    "shift": 1,
    "validation_batch": 50,
    "validation_batches": 2,
}


@pytest.fixture
def settings(small: dict) -> dict[str, Any]:
    return {
        **small,
        "space": {"name": "enas", "blocks": 1},
        "strategy": {"type": "reinforce", "reinforce": {"batch": 2, "attempts": 1}},
        "evaluator": {"type": "shared_weights", "shared_weights": EVALUATOR},
        "images": {**small["images"], "size": 16},
        "trials": 6,
        "report_minutes": 0.0,
    }


class Killed(BaseException):
    """As if the process had died: nothing catches it."""


def test_a_search_that_was_killed_goes_on_as_if_it_had_not(
    settings: dict[str, Any], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cell_search.evaluators.shared_weights import loop
    from cell_search.study import trials

    whole = searched(tmp_path / "whole", settings)
    rewards = [t.value for t in whole.read_study().trials]
    assert len(set(rewards)) > 1

    # Dead between the weights and the result of the fourth trial, and all memory gone.
    finish = trials.finish

    def die(study, number, *rest, **more):
        if number == 3:
            raise Killed
        finish(study, number, *rest, **more)

    monkeypatch.setattr(trials, "finish", die)
    with pytest.raises(Killed):
        searched(tmp_path / "cut", settings)
    monkeypatch.undo()
    loop._held.clear()
    cut = searched(tmp_path / "cut", settings)
    assert story(cut) == story(whole)
    assert sorted(story(whole)[1]) == ["after-00000004.npz", "after-00000005.npz"]

    # In one process without a break, and with the weights from the file each time.
    for count in (2, 6):
        loop._held.clear()
        parts = searched(tmp_path / "parts", {**settings, "trials": count})
    assert story(parts) == story(whole)


def request(settings: dict[str, Any], number: int, folder: str, **changes: Any) -> Request:
    space = published.find("enas", 1)
    point = space.random(np.random.default_rng(number))
    return Request(
        number=number,
        genotype=space.decode(point),
        decisions=point,
        space=space,
        evaluator=WeightSharing(**{**EVALUATOR, **changes}),
        images=ImageSettings(**settings["images"]),
        seed=number,
        folder=folder,
    )


def test_scores_grow_and_failures_leave_no_trace(
    settings: dict[str, Any], tmp_path: pathlib.Path
) -> None:
    """Two candidates in turn: what one learns, the other can use."""
    folder = str(tmp_path / "weights")
    changes = {"steps": 8, "batch": 32, "period": 100, "learning_rate": 0.1, "warm_up": 5}

    def score(number: int, **more: Any) -> Result:
        asked = request(settings, number, folder, **(changes | more))
        point = request(settings, number % 2, folder).decisions
        return evaluate(
            dataclasses.replace(asked, decisions=point, genotype=asked.space.decode(point))
        )

    results = [score(n) for n in range(10)]
    assert [r.metrics["steps"] for r in results] == [5 + 8 * n for n in range(1, 11)]
    losses = [r.metrics["loss"] for r in results]
    assert np.mean(losses[-4:]) < 0.95 * np.log(10)
    assert np.mean([r.reward for r in results[-4:]]) > 0.15, "chance is 0.1"
    failed = score(10, learning_rate=1e18, clip=1e30)
    assert failed.reward is None and "shared weights" in failed.failure
    after = score(11)
    assert after.metrics["steps"] == results[-1].metrics["steps"] + 8
    assert after.metrics["loss"] < np.log(10)


def test_several_workers_are_refused(settings: dict[str, Any]) -> None:
    settings["pool"] = {"type": "processes", "processes": {"workers": 2}}
    search = resolve.resolve(schema.from_values(settings, "test"))
    with pytest.raises(UserError, match=r"pool\.processes\.workers: 2 .* shared_weights.*use 1"):
        search.check()
    settings["pool"] = {"type": "processes", "processes": {"workers": 1}}
    resolve.resolve(schema.from_values(settings, "test")).check()


def test_damaged_weights_are_told(settings: dict[str, Any], tmp_path: pathlib.Path) -> None:
    file = tmp_path / "after-00000000.npz"
    for content in (b"", b"no weights", SharedWeights(3, 1).to_bytes()[:-30]):
        file.write_bytes(content)
        with pytest.raises(UserError, match=r"after-00000000\.npz: is damaged .*; remove it"):
            evaluate(request(settings, 1, str(tmp_path)))


def test_without_a_folder_nothing_is_shared(settings: dict[str, Any]) -> None:
    results = [evaluate(request(settings, n, "")) for n in (0, 1)]
    assert [r.metrics["steps"] for r in results] == [2, 2]


def test_impossible_settings_are_told_before_the_first_candidate(
    settings: dict[str, Any],
) -> None:
    for changes, sentence in (
        ({"steps": 0}, r"evaluator\.shared_weights\.steps: 0"),
        ({"learning_rate_end": -1.0}, r"evaluator\.shared_weights\.learning_rate_end"),
        ({"batch": 1000}, r"shared_weights\.batch: takes 1,000 of the 640 training images"),
        ({"validation_batches": 5}, r"validation_batch: takes 250 of the 200 held-out images"),
        (
            {"final_candidates": 1, "final_batches": 6},
            r"validation_batch: takes 300 of the 200 held-out images",
        ),
    ):
        wanted = dataclasses.replace(WeightSharing(**EVALUATOR), **changes)
        with pytest.raises(UserError, match=sentence):
            wanted.check(ImageSettings(**settings["images"]), published.find("enas", 1))


def test_weights_are_trained_along_another_candidate_than_is_scored(
    settings: dict[str, Any], tmp_path: pathlib.Path
) -> None:
    """What is learned and what is scored are told apart: the one by the kept weights."""

    def scored(number: int, along: int | None, name: str) -> tuple[Result, dict[str, bool]]:
        folder = str(tmp_path / name)
        other = None if along is None else request(settings, along, folder).genotype
        asked = dataclasses.replace(request(settings, number, folder), number=0, seed=0)
        found = evaluate(dataclasses.replace(asked, along=other))
        file = next(pathlib.Path(folder).glob("*.npz")).read_bytes()
        kept = SharedWeights.from_bytes(file)._kept
        return found, {key: bool(values[1].any()) for key, values in kept.items()}

    itself, moved = scored(1, None, "itself")
    along_2, moved_2 = scored(1, 2, "along 2")
    other, moved_other = scored(3, 2, "other along 2")
    # The minibatch and the path are those of candidate 2, whoever is scored.
    assert along_2.metrics["training_loss"] == other.metrics["training_loss"]
    assert along_2.metrics["training_loss"] != itself.metrics["training_loss"]
    trained = {key for key, is_moved in moved_2.items() if is_moved}
    assert trained == {key for key, is_moved in moved_other.items() if is_moved}
    assert trained != {key for key, is_moved in moved.items() if is_moved}
    assert along_2.reward != other.reward, "they are scored by themselves"


def test_final_candidates_are_scored_by_one_set_of_weights_and_teach_nothing(
    settings: dict[str, Any], tmp_path: pathlib.Path
) -> None:
    more = {"along": "another", "final_candidates": 3, "final_batches": 4}
    settings["evaluator"] = {"type": "shared_weights", "shared_weights": EVALUATOR | more}
    settings["strategy"] = {
        "type": "reinforce",
        "reinforce": {"preset": "paper", "inputs": "attention", "layers": 1, "batch": 2},
    }
    settings["trials"] = 7
    result = cell_search.search(settings, directory=tmp_path / "search")
    found = result.study.trials
    first, last = found[:4], found[4:]
    # Drawn apart, by the same policy; and a restart draws nothing anew.
    along = [t.user_attrs["along"] for t in first]
    assert all(
        a != result.resolved.space.indices(t.params) for a, t in zip(along, first, strict=True)
    )
    assert len({tuple(a) for a in along}) > 1
    assert [t.user_attrs["metrics"]["steps"] for t in found] == [2, 4, 6, 8, 8, 8, 8]
    assert all(
        "along" not in t.user_attrs and "training_loss" not in t.user_attrs["metrics"] for t in last
    )
    assert [t.user_attrs.get("final") for t in found] == [None] * 4 + [7] * 3
    # Only four results are learned from: two updates of two.
    strategy = result.resolved.strategy
    strategy._history = None
    cell_search.study.trials.propose(result.study, strategy, strategy.space, 7)
    assert len(strategy._policies) == 3 and not strategy._batch
    assert result.best.trial in {4, 5, 6}
    assert result.best.score["accuracy"] == max(t.value for t in last)


def test_the_best_are_the_best_final_ones_however_lucky_others_were() -> None:
    from optuna.trial import create_trial

    from cell_search.study import trials

    space = published.find("enas", 1)
    rng = np.random.default_rng(0)

    def trial(value: float, final: int) -> Any:
        return create_trial(
            params=space.random(rng),
            distributions=dict(space.distributions),
            value=value,
            user_attrs={"final": final} if final else {},
        )

    known = [trial(0.9, 0), trial(0.5, 2), trial(0.8, 2), trial(0.6, 5), trial(0.7, 5)]
    assert [t.value for t in trials.best(known[:1], space, 9)] == [0.9]
    assert [t.value for t in trials.best(known[:3], space, 9)] == [0.8, 0.5]
    assert [t.value for t in trials.best(known, space, 9)] == [0.7, 0.6], "of a prolonged search"


def test_the_best_are_trained_from_scratch(
    settings: dict[str, Any], tmp_path: pathlib.Path
) -> None:
    """Search, then `--mode=rerank` as it is: `train`, with what the search had of its settings."""
    settings["trials"] = 3
    directory = searched(tmp_path / "search", settings)
    wanted = schema.from_values(settings, "test")
    longer = rerank.final(resolve.resolve(wanted))
    assert longer.config.evaluator.type == "train"
    assert dataclasses.asdict(longer.evaluator) == longer.config.evaluator.chosen() | {
        "normal_cells": 2,
        "filters": 2 * FILTERS,
        "epochs": 80,
    }
    assert (longer.evaluator.flip, longer.evaluator.shift) == (False, 1)

    changed = copy.deepcopy(settings)
    changed["rerank"] = {
        "top_k": 2,
        "evaluator": {"train": {"epochs": 1, "batch": 32}},
        "images": {"training": 32},
    }
    cell_search.rerank(directory, settings={"rerank": changed["rerank"]})
    found = json.loads((directory.path / "rerank.json").read_text())
    assert found["complete"] and len(found["candidates"]) == 2
    assert found["settings"]["evaluator.type"] == "train"
    assert found["settings"]["evaluator.filters"] == FILTERS
    study = directory.open_rerank("rerank")
    assert {t.state for t in study.trials} == {TrialState.COMPLETE}
    winner = json.loads((directory.path / "genotype.json").read_text())
    assert winner["provenance"]["rerank"]["accuracy"] == found["candidates"][0]["mean"]
    assert yaml.safe_load((directory.path / "train.yaml").read_text())["task"]
