"""The tables of the literature, and the harness that compares strategies on them."""

from __future__ import annotations

import csv
import gzip
import json
import pathlib
import subprocess
import sys

import numpy as np
import optuna
import pytest

from benchmarks import table_searches as harness
from benchmarks.expected import expected_random
from benchmarks.kept import ROOT
from cell_search.evaluators import tables
from cell_search.space import nas_bench_201, published
from cell_search.strategies import STRATEGIES
from cell_search.study import trials
from cells.support.errors import UserError


@pytest.fixture(scope="module")
def c10(data_dir: pathlib.Path) -> tables.Table:
    return tables.nas_bench_201("c10", data_dir)


def edges(*operations: str) -> dict[str, str]:
    names = [d.name for d in nas_bench_201.SPACE.decisions]
    return dict(zip(names, operations, strict=True))


def test_the_published_optima(data_dir: pathlib.Path) -> None:
    # Dong & Yang 2020, table 5: optimal 94.37, 73.51 and 47.31.
    for dataset, best in (("c10", 94.37), ("c100", 73.51), ("in16", 47.31)):
        entries = tables.nas_bench_201(dataset, data_dir).entries.values()
        assert max(e.test for e in entries if e.test) == pytest.approx(best, abs=0.005)


def test_a_record_of_the_table(data_dir: pathlib.Path) -> None:
    # Index 1 of the benchmark.
    point = edges(*("nor_conv_3x3",) * 2, "avg_pool_3x3", "skip_connect", *("nor_conv_3x3",) * 1,
                  "skip_connect")  # fmt: skip
    assert nas_bench_201.architecture(point) == (
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+"
        "|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
    )
    c10 = tables.nas_bench_201("c10", data_dir).look_up(point)
    assert c10 == pytest.approx((82.834, 93.66, 130.178))
    in16 = tables.nas_bench_201("in16", data_dir).look_up(point)
    assert in16 == pytest.approx((35.4333, 44.0333, 130.178 * 6.068))


def test_the_published_sizes_of_networks() -> None:
    # The benchmark's own range of parameters and FLOPs, in millions, on CIFAR-10.
    assert nas_bench_201.network_size(edges(*("none",) * 6)) == (73_306, 7_783_050)
    assert nas_bench_201.network_size(edges(*("nor_conv_3x3",) * 6)) == (1_531_546, 220_119_690)


def test_the_surrogate_against_its_recorded_predictions(data_dir: pathlib.Path) -> None:
    surrogate = tables.nas_bench_301(data_dir)
    operations = ("max_pool_3x3", "avg_pool_3x3", "identity", "sep_conv_3x3", "sep_conv_5x5",
                  "dil_conv_3x3", "dil_conv_5x5")  # fmt: skip
    points, wanted = [], []
    with gzip.open(data_dir / "nas_bench" / "nb301_pairs.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            point = {}
            for cell, column in (("normal", "normal"), ("reduction", "reduce")):
                sides = [tuple(map(int, side.split(":"))) for side in row[column].split()]
                for node in range(4):
                    (a, left), (b, right) = sorted(sides[2 * node : 2 * node + 2])
                    if node:
                        point[f"{cell}/{node}/inputs"] = f"{a}+{b}"
                    point[f"{cell}/{node}/left/operation"] = operations[left]
                    point[f"{cell}/{node}/right/operation"] = operations[right]
            points.append(point)
            wanted.append((float(row["yahpo_val_acc"]), float(row["yahpo_train_seconds"])))
    predicted, expected = surrogate.predict(points), np.array(wanted)
    assert len(points) == 1218
    # Recorded with four digits and with whole seconds.
    assert np.abs(predicted - expected)[:, 0].max() < 2e-4
    assert np.abs(predicted - expected)[:, 1].max() < 0.6
    assert surrogate.look_up(points[5]) == pytest.approx(
        (predicted[5, 0],) * 2 + (predicted[5, 1],)
    )


def test_the_surrogate_tells_nodes_apart_that_change_places(data_dir: pathlib.Path) -> None:
    surrogate = tables.nas_bench_301(data_dir)
    one = surrogate.space.random(np.random.default_rng(0))
    for node, operation in ((2, "identity"), (3, "sep_conv_5x5")):
        one[f"normal/{node}/inputs"] = "0+1"
        for side in ("left", "right"):
            one[f"normal/{node}/{side}/operation"] = operation
    swap = {"2": "3", "3": "2"}
    # The two nodes, and nothing else, change places; no node reads them.
    two = one | {
        f"normal/{swap[name.split('/')[1]]}/{name.split('/', 2)[2]}": choice
        for name, choice in one.items()
        if name.startswith(("normal/2/", "normal/3/"))
    }
    same = published.find("darts").canonical_key
    assert one != two and same(one) == same(two)
    assert abs(surrogate.look_up(one).valid - surrogate.look_up(two).valid) > 1e-3
    assert surrogate.space.canonical_key(one) != surrogate.space.canonical_key(two)
    assert surrogate.space.decode(one).name == published.find("darts").decode(one).name


def test_random_search_reaches_its_exact_expectation(c10: tables.Table) -> None:
    (random,) = harness.contenders("random:attempts=1")
    runs = [harness.search(c10, random, seed, 100) for seed in range(60)]
    best = np.array([max(zip(r["valid"], r["test"], strict=True)) for r in runs])
    exact = np.array(expected_random(c10, 100))
    assert exact == pytest.approx((83.70, 93.73), abs=0.005)
    assert np.all(np.abs(best.mean(axis=0) - exact) < 3 * best.std(axis=0, ddof=1) / 60**0.5)


def test_the_expectation_by_enumeration() -> None:
    # Four entries, two of them equal, two draws: sixteen cases, of which seven show the 3.
    space = nas_bench_201.SPACE
    values = [(1.0, 10.0), (2.0, 20.0), (2.0, 40.0), (3.0, 5.0)]
    table = tables.Table(space, {(i,): tables.Entry(*v) for i, v in enumerate(values)})
    pairs = [(a, b) for a in values for b in values]
    best = [max(pair, key=lambda v: v[0]) for pair in pairs]  # the earlier of equals
    assert expected_random(table, 2) == pytest.approx(tuple(np.mean(best, axis=0)))


@pytest.mark.parametrize("text", [*STRATEGIES, "regularized_evolution:population=5,sample=2"])
def test_strategies_are_driven_as_a_study_drives_them(c10: tables.Table, text: str) -> None:
    if text == "optuna:GPSampler":
        pytest.importorskip("torch")
    (contender,) = harness.contenders(text)
    direct = harness.search(c10, contender, 4, 60)
    strategy = contender.make(c10, 4)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=strategy)
    for number in range(60):
        point = trials.propose(study, strategy, c10.space, number)
        trials.begin(study, c10.space, point)
        study.tell(number, c10.look_up(point).valid)
    assert direct["valid"] == [t.value for t in study.trials]


def test_contenders_are_read_with_their_settings() -> None:
    first, second, third = harness.contenders(
        "random:attempts=1,regularized_evolution:population=10,sample=3,random"
    )
    assert (first.name, first.settings) == ("random", {"attempts": 1})
    assert second.settings == {"population": 10, "sample": 3}
    assert (third.text, third.settings) == ("random", {})
    with pytest.raises(UserError, match=r"strategy\.type: unknown 'randon'; did you mean 'random'"):
        harness.contenders("random,randon:attempts=1")


def test_the_benchmark_goes_on_where_it_was(data_dir: pathlib.Path, tmp_path: pathlib.Path) -> None:
    def run(seeds: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "benchmarks.strategies", "--strategies=random", "--queries=5,9",
             f"--seeds={seeds}", f"--output={tmp_path}", f"--data_dir={data_dir}"],
            capture_output=True, text=True, cwd=ROOT,
        )  # fmt: skip

    run(3)
    (kept,) = (tmp_path / "runs").iterdir()
    before = kept.read_text()
    kept.write_text(before[:-30])  # torn by a kill while the last seed was written
    done = run(4)
    assert done.returncode == 0, done.stderr
    assert "seed 2/2" in done.stderr and "seed 3" not in done.stderr
    runs = [json.loads(line) for line in kept.read_text().splitlines() if line.endswith("}")]
    assert [run["seed"] for run in runs] == [0, 1, 2, 3]
    figures = json.loads(done.stdout.splitlines()[-1])["figures"]
    best = [max(run["valid"][:5]) for run in runs]
    assert figures[0]["value"] == pytest.approx(np.mean(best), abs=5e-4)
    assert {p.name for p in tmp_path.iterdir()} == {"runs", "nb201-c10.png", "nb201-c10.svg"}


def test_a_missing_folder_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.delenv("CELLS_DATA_DIR", raising=False)
    with pytest.raises(UserError, match="data_dir: not set, nor is CELLS_DATA_DIR"):
        tables.nas_bench_201()
    with pytest.raises(UserError, match=r"nb301_yahpo_surrogate\.npz: there is no such table"):
        tables.nas_bench_301(tmp_path)
    with pytest.raises(UserError, match="dataset: unknown 'cifar'; known are c10, c100, in16"):
        tables.nas_bench_201("cifar")
