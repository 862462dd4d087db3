"""Children that start from the weights of their parents."""

from __future__ import annotations

import dataclasses
import pathlib

import keras
import numpy as np
import pytest
from child_requests import SPACE, point, request
from optuna.trial import TrialState

import cell_search
from cell_search.config import resolve, schema
from cell_search.evaluators import Train, evaluate
from cell_search.evaluators._child_network import child_config
from cell_search.evaluators._kept_files import TrainingFiles
from cell_search.evaluators._store import Store
from cell_search.images import ImageSettings
from cell_search.study.directory import SearchDirectory
from cells.network.build import build_network
from cells.support.errors import UserError


@pytest.fixture(scope="module")
def digits(small: dict) -> ImageSettings:
    return ImageSettings(**{**small["images"], "training": 64})


#: Learns nothing, so that what a child inherited is what it has in the end. A second step would be
#: traced anew for each child.
STILL = Train(
    normal_cells=1, filters=4, epochs=1, batch=64, learning_rate=1e-30, l2=0.0, inherit=True
)


def _layers(genotype) -> dict[str, list[tuple[int, ...]]]:
    """Shapes of the trained weights by layer, as Keras has them."""
    layout = child_config(genotype, normal_cells=1, filters=4, size=(32, 32), num_classes=10)
    model = build_network(genotype, layout, keras)
    found = {
        layer.name: [tuple(v.shape) for v in layer.trainable_variables] for layer in model.layers
    }
    return {name: shapes for name, shapes in found.items() if shapes}


def _weights(files: TrainingFiles, number: int) -> dict[str, list[np.ndarray]]:
    kept = files.of(number)
    assert kept is not None
    return {
        name: [
            kept.arrays["trained"][at : at + int(np.prod(shape))].reshape(shape)
            for vector, at, shape in parts
            if vector == "trained"
        ]
        for name, parts in kept.facts["layers"].items()
    }


def test_layers_of_equal_names_and_shapes_are_inherited(
    digits: ImageSettings, tmp_path: pathlib.Path
) -> None:
    parent, child = (
        SPACE.decode(point("sep_conv_3x3", right)) for right in ("identity", "conv_1x7_7x1")
    )
    first = request(STILL, digits, number=0, genotype=parent, folder=str(tmp_path), seed=1)
    second = dataclasses.replace(first, number=1, genotype=child, parent=0, seed=2)
    assert evaluate(first).metrics["inherited"] == 0.0
    share = evaluate(second).metrics["inherited"]
    theirs, own = _layers(parent), _layers(child)
    shared = {name for name in own if theirs.get(name) == own[name]}
    sizes = {name: sum(int(np.prod(s)) for s in shapes) for name, shapes in own.items()}
    assert share == pytest.approx(sum(sizes[n] for n in shared) / sum(sizes.values()))
    assert 0.1 < share < 1.0
    before, after = (_weights(TrainingFiles(second), number) for number in (0, 1))
    for name, values in after.items():
        if name in shared:
            for ours, of_parent in zip(values, before[name], strict=True):
                np.testing.assert_allclose(ours, of_parent, rtol=0.0, atol=1e-25)
    # What is not shared is new: other seeds, other kernels.
    anew = [v for name in set(own) - shared for v in after[name] if v.ndim > 1]
    assert anew and all(np.std(v) > 0.0 for v in anew)


def test_without_a_parent_or_its_file_a_child_starts_anew(
    digits: ImageSettings, tmp_path: pathlib.Path
) -> None:
    wanted = request(STILL, digits, number=1, parent=0, folder=str(tmp_path))
    assert evaluate(wanted).metrics["inherited"] == 0.0
    Store(tmp_path).write("0.npz", b"PK\x03\x04 not at all")
    assert evaluate(dataclasses.replace(wanted, number=2)).metrics["inherited"] == 0.0


@pytest.mark.parametrize(
    ("strategy", "given", "inherits"),
    [
        ("large_scale_evolution", {}, True),
        ("large_scale_evolution", {"inherit": False}, False),
        ("regularized_evolution", {}, False),
    ],
)
def test_who_has_a_parent_begins_with_its_weights(strategy, given, inherits) -> None:
    """As in Real et al. 2017, section 3.6, where identity alone trains on."""
    values = {"strategy": {"type": strategy}, "evaluator": {"train": given}}
    search = resolve.resolve(schema.from_values(values, "test"))
    assert search.evaluator.inherit is inherits
    assert ("inherited" in search.evaluator.metrics()) is inherits


def test_a_strategy_without_parents_is_told() -> None:
    values = {"evaluator": {"train": {"inherit": True}}, "strategy": {"type": "random"}}
    with pytest.raises(UserError, match=r"train\.inherit: random names no parents whose weights"):
        resolve.resolve(schema.from_values(values, "test"))


def test_evolution_hands_weights_on(small: dict, tmp_path: pathlib.Path) -> None:
    """With nothing but identity mutations, every child is its parent, trained on."""
    train = {**small["evaluator"]["train"], "epochs": 2, "batch": 64, "inherit": True}
    values = {
        **small,
        "strategy": {
            "type": "large_scale_evolution",
            "large_scale_evolution": {"population": 2, "identity": 1.0, "reset_weights": 0.0},
        },
        "evaluator": {"type": "train", "train": train},
        "images": {**small["images"], "training": 64},
        "pruner": {"type": "hyperband", "rungs": [1], "hyperband": {"reduction_factor": 2}},
    }
    trials = cell_search.search(values, directory=tmp_path).study.trials
    assert len(trials) == 4
    for trial in trials:
        assert trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
        parent = trial.user_attrs.get("parent")
        assert (parent is not None) == (trial.number >= 2)
        assert trial.user_attrs["metrics"]["inherited"] == (0.0 if parent is None else 1.0)
        if parent is not None:
            assert trial.params == trials[parent].params
    # Two live; who died in one of two tournaments is gone.
    assert len(Store(SearchDirectory(tmp_path).weights()).names()) == 2
