"""Searches that know what candidates cost."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any

import cost_tables
import pytest
import yaml

import cell_search
from cell_search import images
from cell_search.config import resolve, schema
from cell_search.costs import predict, table
from cell_search.costs.table import Overheads
from cell_search.driver import rerank
from cell_search.evaluators._child_network import child_config
from cell_search.space.cell_space import CellSpace
from cells.support.errors import UserError


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("costs") / "costs.json"
    table.write(cost_tables.made(), path)
    return path


@pytest.fixture
def counted(counting: dict, file: pathlib.Path) -> dict[str, Any]:
    """A search that counts, and predicts answers."""
    space = {"name": "pnas", "blocks": 2}
    return {**counting, "space": space, "trials": 12, "costs": {"file": str(file)}}


def expected(search: Any, file: pathlib.Path, params: dict, **network: int) -> dict[str, float]:
    assert isinstance(search.space, CellSpace)
    genotype = search.space.decode(params)
    config = child_config(genotype, size=network.pop("size", 32), num_classes=10, **network)  # type: ignore[arg-type]
    return predict.costs(table.read(file), genotype, config, 32)


def test_predicted_costs_are_metrics_objectives_and_limits(
    counted: dict, file: pathlib.Path
) -> None:
    counted["strategy"] = {"type": "random"}
    free = cell_search.search({**counted, "objectives": ["-inference_ms", "parameters"]})
    for trial in free.study.trials:
        costs = expected(
            free.resolved, file, trial.params, normal_cells=1, filters=4, size=(32, 32)
        )
        assert trial.user_attrs["metrics"]["inference_ms"] == trial.values[0]
        assert trial.values[0] == costs["inference_ms"]
        assert "step_seconds" not in trial.user_attrs["metrics"], "it trains nothing"
    middle = sorted(t.values[0] for t in free.study.trials)[6]
    bound = {**counted, "limits": {"inference_ms": middle}}
    found = cell_search.search(bound).study.trials
    assert max(t.user_attrs["metrics"]["inference_ms"] for t in found) <= middle
    assert any("rejected" in t.user_attrs for t in found)


def test_the_search_keeps_its_table(
    counted: dict, file: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    mine = tmp_path / "mine.json"
    mine.write_bytes(file.read_bytes())
    counted["costs"] = {"file": str(mine)}
    path = tmp_path / "search"
    cell_search.search(counted, directory=path)
    assert table.read(path / "costs.json") == table.read(file)
    table.write(cost_tables.made(overheads=Overheads(answer=1.0)), mine)
    with pytest.raises(UserError, match=r"costs\.file: .*mine\.json has other times than"):
        cell_search.search({**counted, "trials": 14}, directory=path)
    # The file may go; the copy is what the search began with.
    mine.unlink()
    cell_search.search({**counted, "trials": 14}, directory=path)
    whole = cell_search.search({**counted, "trials": 14, "costs": {"file": str(file)}})
    again = cell_search.open_search(path)
    assert [t.params for t in again.study.trials] == [t.params for t in whole.study.trials]


def test_a_table_of_another_machine_is_used_only_where_asked_for(
    counted: dict, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "theirs.json"
    table.write(cost_tables.made(processor="Z80", cores=1000), path)
    counted["costs"] = {"file": str(path)}
    sentence = r"costs\.file: .*another machine \(here processor .* instead of Z80, cores .*anew"
    with pytest.raises(UserError, match=sentence):
        cell_search.search(counted, directory=tmp_path / "search")
    assert not (tmp_path / "search").exists()
    counted["costs"]["other_machine"] = True
    cell_search.search(counted, directory=tmp_path / "search")
    assert "they are used all the same" in capsys.readouterr().err


def test_times_are_of_the_precision_of_the_trainings(counted: dict, tmp_path: pathlib.Path) -> None:
    """The table of the same machine in another precision is no other machine's."""
    path = tmp_path / "mixed.json"
    table.write(cost_tables.made(precision="mixed_bfloat16"), path)
    assert table.read(path).machine.precision == "mixed_bfloat16"
    train = {"normal_cells": 1, "filters": 4, "predicted_seconds": 1.0, "batch": 32, "epochs": 1}
    values = {**counted, "costs": {"file": str(path)}, "trials": 1}
    values["evaluator"] = {"type": "train", "train": train}
    values["images"] = {"name": "digits", "held_out": 100, "training": 100}
    with pytest.raises(UserError, match=r"costs: times are those of mixed_bfloat16 .*precision="):
        cell_search.search(values)
    train["precision"] = "mixed_bfloat16"
    (trial,) = cell_search.search(values).study.trials
    assert trial.user_attrs["metrics"]["steps"] > 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"limits": {"step_seconds": 1.0}},
            r"limits\.step_seconds: is predicted from a cost table",
        ),
        ({"objectives": ["accuracy", "-inference_ms"]}, "objectives: inference_ms: is predicted"),
        (
            {"evaluator": {"type": "train", "train": {"predicted_seconds": 5.0}}},
            r"predicted_seconds: is predicted from a cost table; name one in costs\.file",
        ),
        ({"costs": {"file": "none.json"}}, r"none\.json: there is no such cost file"),
        (
            {"costs": True, "limits": {"step_seconds": 1}, "evaluator": {"type": "parameters"}},
            r"limits\.step_seconds: the evaluator parameters has no step_seconds",
        ),
        (
            {
                "costs": True,
                "evaluator": {"type": "train", "train": {"predicted_seconds": 5.0}},
                "pruner": {"type": "median", "rungs": [1]},
            },
            r"pruner\.type: children that train for equal predicted seconds",
        ),
    ],
)
def test_what_cannot_be_predicted_is_told(
    changes: dict, sentence: str, small: dict, file: pathlib.Path
) -> None:
    values = {**small, **changes}
    if changes.get("costs") is True:
        values["costs"] = {"file": str(file)}
    with pytest.raises(UserError, match=sentence):
        resolve.resolve(schema.from_values(values, "test"))


def test_candidates_of_equal_cost(small: dict, file: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """N and F are searched along; steps follow from the table, and the winner keeps its N and F."""
    train = {**small["evaluator"]["train"], "predicted_seconds": 0.2}
    values = {
        **small,
        "evaluator": {"type": "train", "train": train},
        "costs": {"file": str(file)},
        "settings": {"filters": [4, 8], "normal_cells": [1, 2]},
        "strategy": {"type": "random"},
        "trials": 3,
    }
    found = cell_search.search(values, directory=tmp_path / "search")
    networks, size = set(), images.load(found.resolved.images).size
    for trial in found.study.trials:
        n, f = trial.params["setting/normal_cells"], trial.params["setting/filters"]
        networks.add((n, f))
        costs = expected(found.resolved, file, trial.params, normal_cells=n, filters=f, size=size)
        metrics = trial.user_attrs["metrics"]
        assert metrics["step_seconds"] == costs["step_seconds"]
        assert metrics["steps"] == int(0.2 / costs["step_seconds"]) > 0
    assert len(networks) > 1
    best = found.study.trials[found.best.trial].params
    cells = yaml.safe_load((tmp_path / "search/train.yaml").read_text())["task"]["model"]["cells"]
    assert cells["normal_cells"] == best["setting/normal_cells"]
    assert cells["filters"] == best["setting/filters"]
    provenance = json.loads((tmp_path / "search/genotype.json").read_text())["provenance"]
    assert provenance["training"]["filters"] == cells["filters"]
    # A longer training is four times as dear, of the same networks.
    longer = rerank.final(found.resolved).evaluator
    assert longer == dataclasses.replace(found.resolved.evaluator, predicted_seconds=0.8)


def test_a_step_that_costs_more_than_all_of_them_is_a_failure(
    small: dict, file: pathlib.Path
) -> None:
    train = {**small["evaluator"]["train"], "predicted_seconds": 1e-6}
    values = {
        **small,
        "trials": 1,
        "evaluator": {"type": "train", "train": train},
        "costs": {"file": str(file)},
    }
    with pytest.raises(UserError, match=r"a step takes .* s by the cost table, which is more than"):
        cell_search.search(values)
