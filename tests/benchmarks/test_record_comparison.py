"""Who is compared with the record's cells, and how much each of them trains."""

from __future__ import annotations

import math
import pathlib

import numpy as np
import optuna
import pytest
from cost_tables import made

from benchmarks.record import compare, contestants, packed
from benchmarks.record.__main__ import figures
from benchmarks.record.contestants import Contestant
from benchmarks.record.runs import ARMS, ROOT, Record
from cell_search.config import searched_settings
from cell_search.costs import table
from cell_search.costs.table import Overheads
from cell_search.evaluators import Train
from cell_search.space.cell_space import CellSpace
from cell_search.space.published import SPACES
from cell_search.study import trials
from cells import data
from cells.genotype import catalogue, genotype_file
from cells.operations.counts import summarize

SETTINGS = {"normal_cells": [1, 2], "filters": [8, 16]}
SPACE = CellSpace(
    SPACES["normal_joined"], 2, settings=searched_settings.decisions(SETTINGS, Train())
)


@pytest.fixture
def record(tmp_path: pathlib.Path) -> Record:
    """Six trials of each arm, of which the later have the better scores."""
    record = Record(ROOT, tmp_path / "runs", tmp_path)
    for seed, arm in enumerate(ARMS):
        study = optuna.create_study(direction="maximize")
        rng = np.random.default_rng(seed)
        for number in range(6):
            trials.begin(study, SPACE, SPACE.random(rng))
            study.tell(number, 0.1 * number)
        # One is running when the record is committed.
        trials.begin(study, SPACE, SPACE.random(rng))
        packed.write(study, record.files(arm)[""])
    table.write(made(), tmp_path / "costs.json")
    return record


def test_what_was_found_is_laid_out_as_it_was_trained(record: Record) -> None:
    best, second = list(contestants.found(record, 2))[:2]
    known = packed.trials_of(*packed.read(record.files("search")[""]))
    params = known[-2].params
    genotype = SPACE.decode(params, name="search-1")
    assert genotype_file.from_dict(best.genotype) == genotype
    assert second.genotype != best.genotype
    evaluator = Train(stem="transitions", **{"empty_group": 2, **searched_settings.chosen(params)})
    child = evaluator.trained_child(genotype, (32, 32), 10)
    graph, config = best.network((32, 32), 10)
    assert config == child
    assert summarize(graph, ("logits",), (32, 32)).trainable > 0


def test_what_was_trained_again_counts_more_than_the_search(record: Record) -> None:
    known = packed.trials_of(*packed.read(record.files("search")[""]))
    study = optuna.create_study(direction="maximize")
    for number, (trial, score) in enumerate([(0, 0.5), (1, 0.9), (0, 0.9), (1, 0.6)]):
        trials.begin(study, SPACE, known[trial].params)
        study.tell(number, score)
    packed.write(study, record.files("search")["rerank"])
    ranked = contestants._ranked(record, "search")
    # Means 0.70 and 0.75, then those that were not trained again, best first.
    assert ranked == [known[i].params for i in (1, 0, 5, 4, 3, 2)]
    shown = {figure.name: figure for figure in figures(record)}
    assert shown["random: trials"].value == 6
    assert shown["search: best score, held-out %"].value == 50.0
    assert shown["search: best mean when trained again, %"].value == 75.0
    assert not shown["processor hours of both arms"].ok, "no turn is recorded"


def test_everybody_is_screened_and_the_best_of_each_group_are_finalists(record: Record) -> None:
    tasks = list(compare.tasks(record, "screening"))
    names = {task.contestant.name for task in tasks}
    assert names == {*catalogue.names(), "resnet_9"} | {
        f"{arm}-{place}" for arm in ARMS for place in range(1, 5)
    }
    assert compare.finalists(record) == []
    kept, identity = compare.results(record), compare.identity(record)
    keys = [str(task.key(identity)) for task in tasks]
    assert len(set(keys)) == len(keys)
    for place, task in enumerate(tasks):
        kept.add(task.key(identity), {"accuracy": 0.001 * place})
    chosen = compare.finalists(record)
    groups = [who.group for who in chosen]
    assert {group: groups.count(group) for group in groups} == compare._FINALISTS
    assert groups[:2] == ["search", "search"]
    # Later ones have the better score here, and no name comes twice.
    assert [who.name for who in chosen if who.group == "published"] == [
        "snas_mild",
        "pnasnet_5",
        "pc_darts_imagenet",
    ]
    finals = list(compare.tasks(record, "finals"))
    assert len(finals) == 5 * len(chosen) and finals[0].seed == finals[len(chosen) - 1].seed == 0


def test_differences_are_paired_by_seed(record: Record) -> None:
    kept, identity = compare.results(record), compare.identity(record)
    for place, task in enumerate(compare.tasks(record, "screening")):
        kept.add(task.key(identity), {"accuracy": 0.001 * place})
    assert compare.ahead(record, "finals", "random") == {}
    for task in compare.tasks(record, "finals"):
        ours = task.contestant.group == "search"
        score = 0.01 * task.seed + (0.02 + 0.001 * task.seed if ours else 0.0)
        kept.add(task.key(identity), {"with_views": score})
    ((label, points, error),) = compare.ahead(record, "finals", "random").values()
    assert label.startswith("random-")
    # 2.0, 2.1, ... 2.4 points: the seeds' own differences are gone.
    assert points == pytest.approx(2.2)
    assert error == pytest.approx(np.std([2.0, 2.1, 2.2, 2.3, 2.4], ddof=1) / math.sqrt(5))


def test_the_seventh_point_of_the_transfers_is_a_detector_s_and_of_cells_alone(
    record: Record,
) -> None:
    kept, identity = compare.results(record), compare.identity(record)
    for place, task in enumerate(compare.tasks(record, "screening")):
        kept.add(task.key(identity), {"accuracy": 0.001 * place})
    for task in compare.tasks(record, "transfers"):
        ours = task.contestant.group == "search"
        # Of classifiers those of the search are the worse, of detectors the better.
        found = {"with_views": 0.5 - 0.1 * ours}
        if task.images == "digits_scenes":
            found = {"AP": 0.1 * task.seed + ours * (0.03 + 0.01 * task.seed), "AP50": 1.0}
        kept.add(task.key(identity), found)
    points = compare.ahead(record, "transfers", "published")
    assert len(points) == 7
    _, mean, error = points.pop(("digits_scenes", 0))
    # 3, 4 and 5 points, of three seeds.
    assert (mean, error) == pytest.approx((4.0, 1.0 / math.sqrt(3)))
    assert [mean for _, mean, _ in points.values()] == pytest.approx([-10.0] * 6)
    # No detector takes the residual network.
    assert compare.ahead(record, "transfers", "resnet_9").keys() == points.keys()
    shown = {figure.name: figure for figure in figures(record)}
    won = shown["transfers: points of seven, where it is above the best published cell"]
    assert (won.value, won.ok) == (1, False)
    name = "transfers: points above the best published cell, digits_scenes, AP of a detector"
    assert shown[name].value == 4.0


def test_steps_follow_from_the_table_alone(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data.builder("digits", tmp_path)
    monkeypatch.setenv("CELLS_DATA_DIR", str(tmp_path))
    monkeypatch.setitem(compare.SECONDS, "transfers", 1.0)
    path = tmp_path / "costs.json"
    # Pixels alone cost something: a step of 40 images of 16x16 takes 0.3 s.
    operations = ("identity", "conv_3x3", "max_pool_3x3", "max_pool_2x2")
    table.write(made(operations, Overheads(training=1e-9, pixel=0.3 / (40 * 16 * 16))), path)
    who = Contestant(contestants.RESIDUAL, contestants.RESIDUAL)
    task = compare.Task("transfers", who, 0, "digits", a_class=4, pixels=16)
    found = compare.train(task, path)
    assert found["steps"] == 3
    # 360 test images, each seen in three views.
    for name in ("accuracy", "with_views"):
        assert 360 * found[name] == pytest.approx(round(360 * found[name]))
