"""A space whose candidates have all been tried ends the search with its result."""

from __future__ import annotations

import itertools
import json
import pathlib
from typing import Any

import pytest

import cell_search


@pytest.fixture
def space(tmp_path: pathlib.Path) -> str:
    """Eight points, in a file."""
    decisions = [{"name": n, "choices": ["a", "b"]} for n in ("one", "two", "three")]
    path = tmp_path / "space.json"
    path.write_text(json.dumps({"format_version": 1, "decisions": decisions}))
    return str(path)


def count(decisions: dict[str, Any]) -> float:
    return float(sum(choice == "b" for choice in decisions.values()))


@pytest.mark.parametrize(
    "strategy",
    ["random", "regularized_evolution", "local_search", "bayesian", "progressive", "reinforce",
     "large_scale_evolution", "optuna:TPESampler", "optuna:GridSampler"],
)  # fmt: skip
def test_eight_points_are_eight_trials(
    space: str, strategy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    few = {"strategy": {"regularized_evolution": {"population": 4, "sample": 2}}}
    result = cell_search.search(
        score=count, space=space, strategy=strategy, trials=100, settings=few
    )
    points = [tuple(sorted(t.params.items())) for t in result.study.trials]
    assert len(set(points)) == 8 and result.best.score == {"score": 3.0}
    if strategy in ("random", "local_search", "bayesian", "optuna:GridSampler"):
        assert len(points) == 8, "nothing is tried twice"
    assert "all candidates of the space have been tried in" in capsys.readouterr().out


@pytest.mark.parametrize("sampler", ["GridSampler", "TPESampler"])
def test_a_table_with_few_rows_ends_with_its_best(
    space: str, tmp_path: pathlib.Path, sampler: str
) -> None:
    rows = [row for row in itertools.product("ab", repeat=3) if row.count("b") == 2]
    lines = ["one,two,three,valid", *(f"{','.join(row)},{i}" for i, row in enumerate(rows))]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(lines) + "\n")
    settings = {
        "space": {"file": space},
        "evaluator": {"type": "table", "table": {"file": str(table)}},
        "strategy": {"type": f"optuna:{sampler}"},
        "trials": 8,
    }
    result = cell_search.search(settings, directory=tmp_path / "search")
    assert len({tuple(t.params.values()) for t in result.study.trials}) == 3
    best = json.loads((tmp_path / "search" / "best.json").read_text())
    assert list(best["decisions"].values()) == list(rows[-1])
