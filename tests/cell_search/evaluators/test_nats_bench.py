"""The file of NATS-Bench, by its authors' own classes, and what is told without them."""

from __future__ import annotations

import pathlib
import sys

import pytest

from cell_search.evaluators import tables
from cell_search.evaluators.tables import Entry
from cell_search.space import nas_bench_201
from cells.support.errors import UserError


def _nats_file(path: pathlib.Path) -> None:
    """A small file of the benchmark, made by its authors' own classes: one cell, two runs."""
    api = pytest.importorskip("nats_bench", reason="the extra `nats` is not installed")
    cell = dict.fromkeys(nas_bench_201.EDGES, "nor_conv_3x3")
    text = nas_bench_201.architecture(cell)

    def results(epochs: int, sets: dict[str, tuple[str, float]]) -> dict:
        of_cell = api.ArchResults(0, text)
        for dataset, (name, accuracy) in sets.items():
            for seed, more in ((777, 0.0), (888, 1.0)):
                by_epoch = dict.fromkeys(range(epochs), 50.0)
                run = api.ResultsCount(
                    dataset, None, by_epoch, by_epoch, 1.5, 220.0, {}, seed, epochs, None
                )
                run.reset_pseudo_train_times(10.0)
                at = {f"{name}@{e}": accuracy + more for e in range(epochs)}
                run.update_eval(at, at, at)
                of_cell.update(dataset, seed, run)
        return of_cell.state_dict()

    short = {"cifar10-valid": ("x-valid", 80.0), "cifar100": ("x-valid", 55.0)}
    long = {"cifar10": ("ori-test", 93.0), "cifar100": ("x-test", 70.0)}
    archive = {
        "meta_archs": [text, nas_bench_201.architecture({**cell, "op01": "none"})],
        "arch2infos": {0: {"12": results(12, short), "200": results(200, long)}},
        "evaluated_indexes": [0],
    }
    api.pickle_save(archive, str(path), ext="")


def test_a_file_of_nats_bench(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "NATS-tss.pickle.pbz2"
    _nats_file(path)
    cell = dict.fromkeys(nas_bench_201.EDGES, "nor_conv_3x3")
    # Means of two runs; twelve epochs of ten seconds.
    assert tables.nats_bench(path, "c10").look_up(cell) == Entry(80.5, 93.5, 120.0)
    assert tables.nats_bench(path, "c100").look_up(cell) == Entry(55.5, 70.5, 120.0)
    assert tables.nats_bench(path, "in16").look_up(cell) is None
    for operation in ("none", "skip_connect"):  # listed without results; not listed
        assert tables.nats_bench(path).look_up({**cell, "op01": operation}) is None
    (tmp_path / "other.pbz2").write_bytes(b"no such thing")
    with pytest.raises(UserError, match=r"other\.pbz2: is not a NATS-Bench topology file"):
        tables.nats_bench(tmp_path / "other.pbz2")
    with pytest.raises(UserError, match=r"evaluator\.nats_bench\.file: there is no "):
        tables.nats_bench(tmp_path / "none.pbz2")


def test_nats_bench_without_its_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setitem(sys.modules, "nats_bench", None)
    with pytest.raises(UserError, match=r"needs the package nats_bench; install .*\[nats\]"):
        tables.nats_bench(tmp_path / "some.pbz2")
