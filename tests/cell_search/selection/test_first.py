"""Known cells are the first trials of a search, for every strategy."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

import cell_search
from cell_search.driver.replay import replay
from cell_search.strategies import STRATEGIES
from cells.genotype import catalogue, genotype_file
from cells.genotype.genotype import Block, Cell, Genotype, Side
from cells.kinds import files as kinds
from cells.support.errors import UserError

FIVE = {"space": {"name": "nasnet", "blocks": 5, "growable": True}}


def share_of_identity(genotype: Genotype) -> float:
    sides = [side for _, cell in genotype.cells for b in cell.blocks for _, side in b.sides]
    return sum(side.operation == "identity" for side in sides) / len(sides)


def settings(counting: dict, *first: Any, **changes: Any) -> dict[str, Any]:
    strategy = {**counting["strategy"], "first": list(map(str, first))}
    return {**counting, **FIVE, "trials": 6, "top": 1, "strategy": strategy, **changes}


def identities(path: pathlib.Path) -> pathlib.Path:
    """Cells of identities alone: nothing has a better `share_of_identity`."""
    block = Block(Side(0, "identity"), Side(1, "identity"))
    cell = Cell((block,), (2,))
    kinds.write(Genotype("Plain", cell, cell), path)
    return path


def test_known_cells_come_first_and_say_so(counting: dict, tmp_path: pathlib.Path) -> None:
    plain = identities(tmp_path / "plain.json")
    values = settings(counting, "darts_v2", plain)
    found = cell_search.search(values, directory=tmp_path / "search")
    trials = found.study.trials
    names = [t.user_attrs.get("first", "") for t in trials]
    assert names == ["darts_v2", str(plain), "", "", "", ""]
    space = found.resolved.space
    for trial, genotype in zip(
        trials, (catalogue.load("darts_v2"), genotype_file.read(plain)), strict=False
    ):
        decoded = space.decode(trial.params)  # type: ignore[attr-defined]
        assert [c.blocks for _, c in decoded.cells] == [c.blocks for _, c in genotype.cells]
    assert [t.difference for t in replay(found.resolved, found.study)] == [""] * 6
    shown = {t.number: n for t, n in zip(trials, names, strict=True) if n}
    for file in (tmp_path / "search/top").glob("*.json"):
        provenance = json.loads(file.read_text())["provenance"]
        assert provenance.get("first", "") == shown.get(provenance["trial"], "")
    page = (tmp_path / "search/report.html").read_text()
    best = found.best.trial
    assert (f"cells of trial {best}, known as" in page) == (best in shown)


def test_it_says_what_becomes_of_cells_that_the_space_joins_in_another_way(
    counting: dict, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture
) -> None:
    """NASNet-A joins h(i-1) beside the states of all blocks; in the space, what nobody reads."""
    cell_search.search(settings(counting, "nasnet_a"), directory=tmp_path / "search")
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if " became concat(" in line]
    normal = catalogue.load("nasnet_a").normal
    assert set(normal.concat) != set(normal.unread)
    assert line.startswith("nasnet_a is tried first, as it fits the space: Normal output = concat(")
    # It is said once.
    cell_search.search(settings(counting, "nasnet_a", trials=7), directory=tmp_path / "search")
    assert " became concat(" not in capsys.readouterr().out


@pytest.mark.parametrize("kind", sorted(set(STRATEGIES) - {"derived"}))
def test_no_strategy_returns_less_than_the_first_cells(
    kind: str, counting: dict, tmp_path: pathlib.Path
) -> None:
    if kind in ("optuna:GPSampler", "optuna:GridSampler"):
        pytest.skip("needs PyTorch, or a small space")
    plain = identities(tmp_path / "plain.json")
    values: dict[str, Any] = {
        "space": {"name": "nasnet", "blocks": 2, "growable": True},
        "strategy": {"type": kind, "first": [str(plain)]},
    }
    found = cell_search.search(values, score=share_of_identity, trials=5)
    assert found.best.trial == 0
    assert found.best.score == {"score": 1.0}
    assert len(found.study.trials) == 5


def test_the_settings_that_are_searched_along_are_the_evaluators(
    counting: dict,
) -> None:
    values = settings(counting, "darts_v2", settings={"filters": [2, 4, 8], "normal_cells": [2, 3]})
    found = cell_search.search(values)
    params = found.study.trials[0].params
    # F is 4 in the evaluator; its N, 1, is no choice.
    assert params["setting/filters"] == 4
    assert params["setting/normal_cells"] == 2


def test_the_sieve_chooses_behind_them(counting: dict, tmp_path: pathlib.Path) -> None:
    values = settings(counting, "darts_v2", sieve={"candidates": 8, "keep": 2})
    values["sieve"]["evaluator"] = counting["evaluator"]
    found = cell_search.search(values, directory=tmp_path / "search")
    best = sorted(
        cell_search.open_search(tmp_path / "search").studies.open_sieve().trials,
        key=lambda t: -t.value,
    )
    assert [t.params for t in found.study.trials[1:3]] == [t.params for t in best[:2]]
    assert found.study.trials[0].user_attrs["first"] == "darts_v2"
    assert [t.difference for t in replay(found.resolved, found.study)] == [""] * 6
    page = (tmp_path / "search/report.html").read_text()
    assert "of the 2 that are trained so far" in page


def test_a_killed_search_goes_on_with_them(counting: dict, tmp_path: pathlib.Path) -> None:
    plain = identities(tmp_path / "plain.json")
    values = settings(counting, "nasnet_a", plain, "darts_v2")
    whole = cell_search.search(values).study.trials

    class Killed(BaseException):
        pass

    calls = iter(range(100))

    def dies(genotype: Genotype) -> float:
        if next(calls) == 1:
            raise Killed
        return share_of_identity(genotype)

    del values["evaluator"]
    with pytest.raises(Killed):
        cell_search.search(values, score=dies, directory=tmp_path / "cut")
    cut = cell_search.search(values, score=dies, directory=tmp_path / "cut").study.trials
    assert [t.params for t in cut[:3]] == [t.params for t in whole[:3]]
    assert [t.user_attrs.get("first") for t in cut[:3]] == ["nasnet_a", str(plain), "darts_v2"]


def test_a_file_that_has_changed_is_refused(counting: dict, tmp_path: pathlib.Path) -> None:
    plain = identities(tmp_path / "plain.json")
    cell_search.search(settings(counting, plain), directory=tmp_path / "search")
    kinds.write(catalogue.load("darts_v2"), plain)
    with pytest.raises(
        UserError, match=r"strategy\.first: .*plain\.json has other cells.* trial 0"
    ):
        cell_search.search(settings(counting, plain, trials=8), directory=tmp_path / "search")


@pytest.mark.parametrize(
    ("first", "changes", "sentence"),
    [
        (["nasnet_b"], {}, r"first: genotype: 'nasnet_b' is neither .* did you mean 'nasnet_a'"),
        (["missing.json"], {}, r"first: missing\.json: there is no such genotype file"),
        (
            ["darts_v2"],
            {"space": {"name": "nasnet", "blocks": 5}},
            r"first: .*normal cell: has 4 blocks, and cells of this space have 5",
        ),
        (
            ["snas_mild"],
            {},
            r"first: SNAS-mild, reduction cell, block 3: .* 'dil_conv_5x5', and this",
        ),
        (["nasnet_a", "nasnet_a"], {}, "first: nasnet_a is the same candidate as nasnet_a"),
        (["nasnet_a", "darts_v2"], {"trials": 1}, "first: 2 cells are more than the 1 trials"),
        (
            ["nasnet_a"],
            {"limits": {"parameters": 100}},
            "first: nasnet_a does not keep to limits: at most 100 parameters",
        ),
        (
            ["nasnet_a"],
            {"sieve": {"candidates": 9, "keep": 6}},
            r"sieve\.keep: 6 and the 1 cells of strategy\.first are more than the 6 trials",
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    first: list, changes: dict, sentence: str, counting: dict, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(UserError, match=sentence):
        cell_search.search(settings(counting, *first, **changes), directory=tmp_path / "search")
    assert not (tmp_path / "search").exists()


def test_cells_are_no_points_of_a_space_without_cells() -> None:
    values = {"space": {"name": "nas_bench_201"}, "strategy": {"first": ["nasnet_a"]}}
    with pytest.raises(
        UserError, match=r"strategy\.first: the candidates of this space are no cells"
    ):
        cell_search.search(values, score=share_of_identity, trials=3)


def test_what_an_evaluator_leads_to_has_one_beginning(small: dict) -> None:
    values = {
        **small,
        "space": {"name": "darts"},
        "strategy": {"type": "derived", "first": ["darts_v2"]},
        "evaluator": {"type": "darts", "darts": {"normal_cells": 1, "filters": 4, "batch": 32}},
    }
    with pytest.raises(
        UserError, match=r"strategy\.first: derived proposes what evaluations lead to"
    ):
        cell_search.search(values)
