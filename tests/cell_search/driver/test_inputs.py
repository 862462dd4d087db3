"""A search goes on with the files that it began with."""

from __future__ import annotations

import json
import pathlib

import optuna
import pytest

from cell_search import api
from cell_search.driver import inputs
from cell_search.study.directory import SearchDirectory
from cells.support.errors import UserError

SPACE = {
    "format_version": 1,
    "decisions": [{"name": "op", "choices": ["conv", "pool"]}, {"name": "n", "choices": [1, 2]}],
}
TABLE = "op,n,valid\nconv,1,0.1\nconv,2,0.2\npool,1,0.3\npool,2,0.4\n"


@pytest.fixture
def files(tmp_path: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    table, space = tmp_path / "table.csv", tmp_path / "space.json"
    table.write_text(TABLE)
    space.write_text(json.dumps(SPACE))
    return table, space


def search(files: tuple[pathlib.Path, pathlib.Path], folder: pathlib.Path, trials: int):
    table, space = files
    config = {
        "space": {"file": str(space)},
        "evaluator": {"type": "table", "table": {"file": str(table)}},
        "strategy": "random",
        "report_minutes": 0,
    }
    return api.search(config, trials=trials, directory=folder)


def test_a_replaced_table_is_noticed(files, tmp_path):
    folder = tmp_path / "search"
    search(files, folder, 2)
    # The same contents at another place, or written anew, are the same.
    files[0].write_text(TABLE)
    search(files, folder, 3)
    files[0].write_text(TABLE.replace("0.4", "0.9"))
    with pytest.raises(UserError, match=r"evaluator\.table\.file: .*table\.csv has other contents"):
        search(files, folder, 4)
    assert len(SearchDirectory(folder).read_study().trials) == 3
    files[0].write_text(TABLE)
    search(files, folder, 4)


def test_a_replaced_space_is_noticed(files, tmp_path):
    search(files, tmp_path / "search", 2)
    files[1].write_text(json.dumps(SPACE, indent=1))
    with pytest.raises(UserError, match=r"space\.file: .*space\.json has other contents"):
        search(files, tmp_path / "search", 3)


def test_a_search_that_noted_nothing_goes_on(files, tmp_path):
    folder = tmp_path / "search"
    search(files, folder, 2)
    journal = SearchDirectory(folder).journal
    lines = [line for line in journal.read_text().splitlines() if inputs.INPUTS not in line]
    journal.write_text("".join(f"{line}\n" for line in lines))
    assert inputs.INPUTS not in SearchDirectory(folder).read_study().user_attrs
    files[0].write_text(TABLE.replace("0.4", "0.9"))
    search(files, folder, 3)
    states = [t.state for t in SearchDirectory(folder).read_study().trials]
    assert states == [optuna.trial.TrialState.COMPLETE] * 3
