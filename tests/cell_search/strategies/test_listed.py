"""Tables whose rows are a small part of their space: the rows are what strategies choose from."""

from __future__ import annotations

import csv
import json
import pathlib
import sys

import numpy as np
import pytest
from search_commands import run_command
from strategy_contract import new_study, run

import cell_search
from cell_search.space.space import Decision, Space
from cell_search.strategies import STRATEGIES, Bayesian, Reinforce
from cell_search.strategies._listed import Listed

#: 4^18, some 7 * 10^10 points, of which a table has 300.
SPACE = Space(tuple(Decision(f"d{i}", tuple(range(4)), "operation") for i in range(18)))
NAMES = ("random", "local_search", "regularized_evolution", "bayesian", "reinforce", "progressive")


def _rows(count: int = 300) -> np.ndarray:
    return np.unique(
        np.random.default_rng(0).integers(4, size=(count, len(SPACE.decisions))), axis=0
    )


def _worth(point: dict) -> float:
    """A sum of effects of single decisions, which any model finds."""
    return float(sum((i + 1) * point[f"d{i}"] for i in range(len(SPACE.decisions))))


@pytest.mark.parametrize("name", [*NAMES, "large_scale_evolution", "ppo", "optuna:TPESampler"])
def test_every_strategy_proposes_rows_and_none_twice(name: str) -> None:
    known = {tuple(row) for row in _rows().tolist()}
    strategy = STRATEGIES.find(name)(SPACE, seed=3)
    strategy.listed = Listed(_rows())
    found = [tuple(SPACE.indices(p)) for p in run(new_study(), strategy, 25, _worth)]
    assert set(found) <= known
    assert len(set(found)) == 25


def test_a_restart_goes_on_as_it_would_have() -> None:
    whole, parts = new_study(), new_study()
    for study, counts in ((whole, [25]), (parts, [15, 10])):
        for count in counts:
            strategy = Bayesian(SPACE, seed=1)
            strategy.listed = Listed(_rows())
            run(study, strategy, count, _worth)
    assert [t.params for t in whole.trials] == [t.params for t in parts.trials]


def test_a_model_finds_the_best_row_of_a_sum_in_a_fifth_of_the_rows() -> None:
    best = max(_worth(SPACE.from_indices(row)) for row in _rows().tolist())
    strategy = Bayesian(SPACE, seed=0)
    strategy.listed = Listed(_rows())
    assert max(map(_worth, run(new_study(), strategy, 60, _worth))) == best


def test_a_controller_draws_rows_by_its_policy() -> None:
    """Frequencies of three rows against the probabilities of the policy."""
    strategy = Reinforce(SPACE, seed=0, width=1.0)
    strategy.reset()
    rows = _rows()[:3]
    weights = strategy._policies[-1].weights
    chances = np.exp(strategy._controller.score(weights, rows).log_probs.sum(axis=1, dtype=float))
    rng = np.random.default_rng(0)
    drawn = [SPACE.indices(strategy.choose(rows, rng)) for _ in range(400)]
    shares = [drawn.count(row) / 400 for row in rows.tolist()]
    np.testing.assert_allclose(shares, chances / chances.sum(), atol=0.08)


def test_a_search_of_such_a_table_tries_each_row_once_and_ends(tmp_path: pathlib.Path) -> None:
    names = [d.name for d in SPACE.decisions]
    with open(tmp_path / "table.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "valid"])
        for row in _rows().tolist():
            writer.writerow([*row, _worth(dict(zip(names, row, strict=True)))])
    decisions = [{"name": d.name, "choices": list(d.choices)} for d in SPACE.decisions]
    space = tmp_path / "space.json"
    space.write_text(json.dumps({"format_version": 1, "decisions": decisions}))
    table = {"evaluator": {"table": {"file": str(tmp_path / "table.csv")}}}
    arguments = {"evaluator": "table", "space": space, "settings": table}
    found = cell_search.search(strategy="random", trials=400, **arguments)
    tried = {tuple(t.params.values()) for t in found.study.trials}
    assert len(found.study.trials) == len(tried) == len(_rows())
    assert found.study.best_value == max(_worth(SPACE.from_indices(r)) for r in _rows().tolist())

    folder = tmp_path / "search"
    cell_search.search(strategy="bayesian", trials=25, directory=folder, **arguments)
    mode = [f"--search_dir={folder}", "--mode=replay"]
    replayed = run_command([sys.executable, "-m", "cell_search", *mode])
    assert replayed.stdout.splitlines()[-1] == "25 of 25 proposals are equal"
