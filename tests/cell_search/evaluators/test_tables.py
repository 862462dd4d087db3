"""Tables of one's own: how they are read, and searches on them through the ordinary command."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest
import yaml
from optuna.trial import TrialState
from search_commands import ROOT, run_command

import cell_search
from cell_search.config import resolve, schema
from cell_search.evaluators import tables
from cell_search.evaluators.tables import Entry
from cell_search.space import space_file
from cell_search.space.space import Decision, Space
from cell_search.study.directory import SearchDirectory
from cells.genotype import genotype_file
from cells.support import overrides
from cells.support.errors import UserError

SPACE = Space(
    (
        Decision("op", ("conv", "pool", "none"), "operation"),
        Decision("width", (16, 32), "size"),
        Decision("rate", (0.1, 0.01), "rate"),
        Decision("bias", (True, False), "switch"),
        Decision("norm", ("batch", None), "operation"),
    )
)


def space_json(space: Space) -> str:
    return json.dumps(
        {
            "format_version": 1,
            "decisions": [
                {"name": d.name, "choices": list(d.choices), "kind": d.kind}
                for d in space.decisions
            ],
        }
    )


def every_point(space: Space) -> list[tuple]:
    return list(itertools.product(*(d.choices for d in space.decisions)))


def value_of(index: int) -> float:
    """Some landscape: different for each point, without an order."""
    return round(float(np.random.default_rng(index).normal()), 6)


@pytest.fixture
def files(tmp_path: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """A table that holds every third point of the space, and the space."""
    lines = [",".join([*(d.name for d in SPACE.decisions), "valid", "test", "cost"])]
    for index, point in enumerate(every_point(SPACE)):
        if index % 3 == 0:
            texts = ["null" if c is None else json.dumps(c).strip('"') for c in point]
            lines.append(",".join([*texts, str(value_of(index)), str(index), "2.5"]))
    table, space = tmp_path / "table.csv", tmp_path / "space.json"
    table.write_text("\n".join(lines) + "\n")
    space.write_text(space_json(SPACE))
    return table, space


def _search(path: pathlib.Path, settings: dict) -> list[str]:
    return list(cell_search.search(settings, directory=path).paths)


def _story(path: pathlib.Path) -> list[tuple]:
    trials = SearchDirectory(path).read_study().trials
    return [(t.number, t.state, t.value, t.params) for t in trials]


def _settings(files: tuple[pathlib.Path, pathlib.Path], strategy: str, **changes) -> dict:
    table, space = files
    return {
        "space": {"file": str(space)},
        "strategy": {
            "type": strategy,
            "regularized_evolution": {"population": 5, "sample": 2},
        },
        "evaluator": {"type": "table", "table": {"file": str(table)}},
        "report_minutes": 0.0,
        "top": 2,
        **changes,
    }


def test_every_row_is_read_as_the_space_has_it(files: tuple, tmp_path: pathlib.Path) -> None:
    table, space = files
    assert space_file.read(space) == SPACE
    read = tables.read_table(str(table), SPACE)
    assert len(read.entries) == 16
    names = [d.name for d in SPACE.decisions]
    for index, point in enumerate(every_point(SPACE)):
        expected = Entry(value_of(index), float(index), 2.5) if index % 3 == 0 else None
        assert read.look_up(dict(zip(names, point, strict=True))) == expected
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress(table.read_bytes()))
    assert tables.read_table(str(packed), SPACE) == read


def test_columns_in_another_order_and_choices_as_pandas_writes_them(tmp_path: pathlib.Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(
        "valid,norm,bias,op,rate,width\n1.5,,True,conv,0.10,16.0\n\n2,None,false,pool,1e-2,32\n"
    )
    assert tables.read_table(str(table), SPACE).entries == {
        ("conv", 16, 0.1, True, None): Entry(1.5, None, None),
        ("pool", 32, 0.01, False, None): Entry(2.0, None, None),
    }


HEADER = "op,width,rate,bias,norm,valid,test,cost"
ROW = "conv,16,0.1,true,batch,1,2,3"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the column 'op' is missing"),
        (HEADER, "there is no row below the header"),
        (f"{HEADER}\n\n", "there is no row below the header"),
        ("op,width,rate,bias,valid\n", "the column 'norm' is missing"),
        ("op,width,rate,bias,norm,test\n", "the column 'valid' is missing"),
        ("op,width,rate,bias,normm,valid\n", "the column 'normm' is not a decision of the space; "
         "did you mean 'norm'"),
        ("op,op,width,rate,bias,norm,valid\n", "there are two columns 'op'"),
        (f"{HEADER}\n{ROW}\nconv,16,0.1,true", "line 3: has 4 fields, the header 8"),
        (f"{HEADER}\n{ROW}\n{ROW}", "line 3: has the same choices as line 2"),
        (f"{HEADER}\n{ROW}\nconv,16.0,0.10,True,batch,5,,", "line 3: has the same choices as"),
        (f"{HEADER}\nconf,16,0.1,true,batch,1,2,3", "line 2: op is 'conf', which is not a choice "
         "of the space; choices are conv, pool, none"),
        (f"{HEADER}\nconv,17,0.1,true,batch,1,2,3", "line 2: width is '17', which is not a choice"),
        (f"{HEADER}\nconv,16,0.1,true,batch,nan,2,3", "line 2: valid is nan; leave the row out"),
        (f"{HEADER}\nconv,16,0.1,true,batch,1,inf,3", "line 2: test is inf; leave the row out"),
        (f"{HEADER}\nconv,16,0.1,true,batch,,2,3", "line 2: valid is '', not a number"),
        (f"{HEADER}\nconv,16,0.1,true,batch,high,2,3", "line 2: valid is 'high', not a number"),
        (f'{HEADER}\n"conv,16,0.1,true,batch,1,2,3', "line 2 is not CSV"),
    ],
)  # fmt: skip
def test_damaged_tables_are_told_by_line(tmp_path: pathlib.Path, text: str, message: str) -> None:
    table = tmp_path / "t.csv"
    table.write_text(text)
    with pytest.raises(UserError) as told:
        tables.read_table(str(table), SPACE)
    assert str(told.value).startswith(f"{table}: ")
    assert message in str(told.value)


@pytest.mark.parametrize(
    "filling, message",
    [
        ("\n", "holds more than the"),
        ("0", "a line is longer than"),
        ("x,", "a line is longer"),
    ],
)
def test_a_packed_bomb_takes_no_memory(filling, message, tmp_path) -> None:
    packed = tmp_path / "t.csv.gz"
    packed.write_bytes(gzip.compress(f"{HEADER}\n{filling * 10**7}".encode(), 1))
    tracemalloc.start()
    with pytest.raises(UserError, match=message):
        tables.read_table(str(packed), SPACE)
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


@pytest.mark.parametrize("value", ["1e308", "-1e308", "9" * 400, "1e101"])
def test_values_that_nothing_could_reckon_with(value, tmp_path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(f"{HEADER}\n{ROW.replace(',1,2,3', f',{value},2,3')}\n")
    with pytest.raises(UserError, match=r"line 2: valid is .*values are within 1e\+100") as told:
        tables.read_table(str(table), SPACE)
    assert len(str(told.value)) < 400


def test_a_replaced_table_is_read_anew(tmp_path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(f"{HEADER}\n{ROW}\n")
    (before,) = tables.read_table(str(table), SPACE).entries.values()
    table.write_text(f"{HEADER}\n{ROW.replace(',1,2,3', ',7,2,3')}\n")
    (after,) = tables.read_table(str(table), SPACE).entries.values()
    assert (before.valid, after.valid) == (1.0, 7.0)


def test_files_that_are_no_tables(tmp_path: pathlib.Path) -> None:
    packed = tmp_path / "t.csv.gz"
    packed.write_bytes(gzip.compress(f"{HEADER}\n{ROW}\n".encode())[:-6])
    with pytest.raises(UserError, match=r"t\.csv\.gz: cannot be read"):
        tables.read_table(str(packed), SPACE)
    (tmp_path / "latin.csv").write_bytes(b"op\xe4,valid\n")
    with pytest.raises(UserError, match=r"latin\.csv: is not UTF-8 text"):
        tables.read_table(str(tmp_path / "latin.csv"), SPACE)
    with pytest.raises(UserError, match="there is no such table file"):
        tables.read_table(str(tmp_path / "none.csv"), SPACE)
    alike = Space((Decision("op", ("1", 1)),))
    (tmp_path / "alike.csv").write_text("op,valid\n1,2\n")
    with pytest.raises(UserError, match="'op' has choices that a table cannot tell apart"):
        tables.read_table(str(tmp_path / "alike.csv"), alike)
    with pytest.raises(UserError, match="has a decision 'cost'; a table needs that name"):
        tables.read_table(str(tmp_path / "alike.csv"), Space((Decision("cost", (1, 2)),)))


def _decisions(**changes) -> dict:
    return {"format_version": 1, "decisions": [{"name": "a", "choices": [1, 2], **changes}]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "must be a JSON object"),
        ({"decisions": []}, "the field 'format_version' is missing"),
        ({"format_version": 2, "decisions": []}, "format_version: 2 is later than 1"),
        ({"format_version": True, "decisions": []}, "format_version: True is not a version; use 1"),
        ({"format_version": 1, "decisions": []}, "decisions: must be a list of at least one"),
        ({"format_version": 1, "decisions": [5]}, "decisions[0]: must be a JSON object"),
        ({**_decisions(), "name": "x"}, "space: unknown field 'name'"),
        (_decisions(choice=3), "decisions[0]: unknown field 'choice'; did you mean 'choices'"),
        (_decisions(name=""), "decisions[0].name: must be a text, not ''"),
        (_decisions(kind=3), "decisions[0].kind: must be a text, not 3"),
        (_decisions(choices=[]), "decisions[0].choices: must be a list of at least one choice"),
        (_decisions(choices=[1, [2]]), "decisions[0].choices[1]: must be a text, number"),
        (_decisions(choices=[1, 2, 1.0]), "decisions[0].choices[2]: 1.0 equals an earlier choice"),
        (_decisions(choices=[float("nan")]), "NaN is not a JSON number; numbers must be finite"),
        ({"format_version": 1, "decisions": _decisions()["decisions"] * 2},
         "decisions[1].name: 'a' is taken"),
    ],
)  # fmt: skip
def test_bad_spaces_are_told(tmp_path: pathlib.Path, data: object, message: str) -> None:
    path = tmp_path / "space.json"
    path.write_text(json.dumps(data))
    with pytest.raises(UserError) as told:
        space_file.read(path)
    assert str(told.value).startswith(f"{path}: ")
    assert message in str(told.value)


@pytest.mark.parametrize("text", ["", "{", '{"a": 1, "a": 2}', "[" * 100_000])
def test_what_is_no_space_file(tmp_path: pathlib.Path, text: str) -> None:
    path = tmp_path / "space.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"space\.json: (not JSON|not a space|a field is given)"):
        space_file.read(path)


@pytest.mark.parametrize("strategy", ["random", "regularized_evolution", "bayesian"])
def test_a_search_keeps_to_the_rows_and_goes_on_with_the_same_proposals(
    files: tuple, tmp_path: pathlib.Path, strategy: str
) -> None:
    settings = _settings(files, strategy)
    _search(tmp_path / "once", {**settings, "trials": 16})
    for count in (1, 7, 16):
        _search(tmp_path / "thrice", {**settings, "trials": count})
    story = _story(tmp_path / "once")
    assert story == _story(tmp_path / "thrice")
    points = every_point(SPACE)
    values = {points[i]: value_of(i) for i in range(0, len(points), 3)}
    assert len(story) == 16
    for _, state, value, params in story:
        assert state == TrialState.COMPLETE
        assert value == values[tuple(params[d.name] for d in SPACE.decisions)]
    if strategy == "random":  # no candidate twice: all of the table is seen
        assert {value for _, _, value, _ in story} == set(values.values())


def test_what_a_search_on_a_table_leaves(files: tuple, tmp_path: pathlib.Path) -> None:
    paths = _search(tmp_path / "s", _settings(files, "random", trials=16))
    assert [pathlib.Path(p).name for p in paths] == ["best.json", "report.html"]
    best = json.loads((tmp_path / "s" / "best.json").read_text())
    index = max(range(0, 48, 3), key=value_of)
    names = [d.name for d in SPACE.decisions]
    assert best["decisions"] == dict(zip(names, every_point(SPACE)[index], strict=True))
    assert best["provenance"]["metrics"] | {"seconds": 0} == {
        "valid": value_of(index), "test": index, "cost": 2.5, "seconds": 0
    }  # fmt: skip
    assert (tmp_path / "s" / "top" / "01.json").read_text() == json.dumps(
        best, indent=2, ensure_ascii=False
    ) + "\n"
    assert not list((tmp_path / "s").rglob("*.yaml"))[1:]  # config.yaml alone
    report = (tmp_path / "s" / "report.html").read_text()
    assert best["description"] in report and "cell-transfer" not in report
    assert "<img" not in report


#: The share of a space below which a table's rows are what strategies choose from.
SMALL = "cell_search.evaluators.tables.evaluators._SMALL"


def test_a_strategy_that_finds_nothing_says_so(
    files: tuple, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SMALL, 0.0)
    table, space = files
    decisions = [Decision(f"d{i}", tuple(range(50))) for i in range(6)]
    space.write_text(space_json(Space(tuple(decisions))))
    table.write_text("d0,d1,d2,d3,d4,d5,valid\n" + "7," * 6 + "1\n")
    with pytest.raises(UserError, match=r"trial 0: none of 1000 proposals .* keeps to the table"):
        _search(tmp_path / "s", _settings(files, "random", trials=3))


def test_settings_can_be_mended_until_there_is_a_trial(
    files: tuple, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SMALL, 0.0)
    table, space = files
    path = tmp_path / "s"
    wide = tmp_path / "wide.json"
    wide.write_text(space_json(Space(tuple(Decision(f"d{i}", tuple(range(50))) for i in range(6)))))
    one = tmp_path / "one.csv"
    one.write_text("d0,d1,d2,d3,d4,d5,valid\n" + "7," * 6 + "1\n")
    # The study is made for one objective, and the search ends before its first trial.
    with pytest.raises(UserError, match="trial 0: none of 1000 proposals"):
        _search(path, _settings((one, wide), "random", trials=2))

    def command(*flags: str) -> subprocess.CompletedProcess[str]:
        return run_command([sys.executable, "-m", "cell_search", f"--search_dir={path}", *flags])

    mended = f"--table={table}", f"--space={space}", "--params_override=objectives=[valid,-cost]"
    done = command(*mended)
    assert done.returncode == 0, done.stderr
    assert [len(t.values) for t in SearchDirectory(path).read_study().trials] == [2, 2]
    done = command(*mended, "--seed=1")
    assert done.returncode == 2
    assert "config.yaml: this directory was made by another configuration (seed" in done.stderr


def test_an_evaluator_of_networks_refuses_a_space_without_genotypes() -> None:
    values = schema.SearchConfig()
    overrides.apply(values, {"space": {"name": "nas_bench_201"}}, "test")
    search = resolve.resolve(values)
    with pytest.raises(UserError, match="Train builds networks of cells, and this space has no"):
        search.check()


@pytest.mark.parametrize(
    ("evaluator", "message"),
    [
        ("nas_bench_201", "scores the space nas_bench_201 only; use space.name=nas_bench_201"),
        ("nats_bench", "scores the space nas_bench_201 only; use space.name=nas_bench_201"),
        ("nas_bench_301", "scores the space darts only; use space.name=darts"),
        ("table", r"evaluator\.table\.file: is not set; cell-search --table=FILE\.csv sets it"),
    ],
)
def test_a_table_wants_its_own_space(evaluator: str, message: str) -> None:
    values = schema.SearchConfig()
    overrides.apply(values, {"evaluator": {"type": evaluator}}, "test")
    search = resolve.resolve(values)
    with pytest.raises(UserError, match=message):
        search.check()


def test_blocks_of_a_space_without_blocks_are_refused() -> None:
    values = schema.SearchConfig()
    overrides.apply(values, {"space": {"name": "nas_bench_201", "blocks": 2}}, "test")
    with pytest.raises(UserError, match=r"space\.blocks: 2: the space nas_bench_201 has no blocks"):
        resolve.resolve(values)


def test_the_example_of_the_documentation(tmp_path: pathlib.Path) -> None:
    text = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
    for kind, name in (("json", "space.json"), ("csv", "table.csv")):
        (tmp_path / name).write_text(re.search(rf"```{kind}\n(.*?)```", text, re.DOTALL)[1])
    command = re.search(r"```sh\ncell-search (.*?)```", text, re.DOTALL)[1]
    arguments = command.replace("\\\n", " ").split()
    done = subprocess.run(
        [sys.executable, "-m", "cell_search", *arguments],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    best = json.loads((tmp_path / "runs" / "table" / "best.json").read_text())
    assert best["decisions"] == {"first": "conv", "second": "conv", "width": 32}
    assert best["provenance"]["metrics"]["test"] == 73.2
    # Again, with more trials, by the settings of the directory alone.
    stored = SearchDirectory(tmp_path / "runs" / "table").stored_config()
    _search(tmp_path / "runs" / "table", {**stored, "trials": 5})
    # A table of another space is refused before anything is written.
    other = tmp_path / "other.csv"
    other.write_text("first,valid\nconv,1\n")
    refused = run_command(
        [sys.executable, "-m", "cell_search", f"--search_dir={tmp_path / 'new'}",
         f"--table={other}", f"--space={tmp_path / 'space.json'}"]
    )  # fmt: skip
    assert refused.returncode == 2
    told = refused.stderr.splitlines()[-1]
    assert told == f"cell-search: {other}: the column 'second' is missing"
    assert not (tmp_path / "new").exists()


def test_nas_bench_201_by_command_killed_and_resumed(
    data_dir: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    recipe = ROOT / "configs" / "search" / "nas_bench_201.yaml"
    command = [sys.executable, "-m", "cell_search", f"--config_file={recipe}",
               f"--data_dir={data_dir}", "--params_override=trials=60,seed=3"]  # fmt: skip
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = subprocess.Popen(
        [*command, f"--search_dir={killed}"], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    journal, until = killed / "study.journal", time.monotonic() + 120
    while not (journal.exists() and journal.stat().st_size > 15_000):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 5 < len(_story(killed)) < 60
    assert run_command([*command, f"--search_dir={killed}"]).returncode == 0
    values = schema.SearchConfig()
    overrides.apply(values, yaml.safe_load(recipe.read_text()), "test")
    _search(
        whole, values.as_dict() | {"trials": 60, "seed": 3, "images": {"data_dir": str(data_dir)}}
    )
    story = _story(killed)
    assert len(story) == 60 and story == _story(whole)
    table = tables.nas_bench_201("c10", data_dir)
    assert all(value == table.look_up(params).valid for _, _, value, params in story)
    best = json.loads((killed / "best.json").read_text())
    assert best["provenance"]["score"]["valid"] == max(value for _, _, value, _ in story)
    assert best["provenance"]["metrics"]["test"] == table.look_up(best["decisions"]).test


def test_the_winner_on_nas_bench_301_is_a_genotype(
    data_dir: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    paths = _search(
        tmp_path / "s",
        {
            "space": {"name": "darts"},
            "strategy": {"type": "random"},
            "evaluator": {"type": "nas_bench_301"},
            "images": {"data_dir": str(data_dir)},
            "trials": 5,
        },
    )
    assert [pathlib.Path(p).name for p in paths] == ["genotype.json", "report.html"]
    winner = genotype_file.read(tmp_path / "s" / "genotype.json")
    assert winner.stacking == "darts" and len(winner.normal.blocks) == 4
    assert 90.0 < winner.provenance["score"]["valid"] < 97.0
    assert "<img" in (tmp_path / "s" / "report.html").read_text()
