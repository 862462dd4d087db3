"""Re-ranking: the best trained again, in the order of that, and kept whatever happens."""

from __future__ import annotations

import copy
import csv
import dataclasses
import gzip
import itertools
import json
import math
import pathlib
import re
import sys
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import yaml
from optuna.trial import TrialState
from search_commands import run_command

import cell_search
from cell_search.config import resolve, schema
from cell_search.config.search import Search
from cell_search.driver import rerank
from cell_search.evaluators import Evaluator, Request, Score
from cell_search.study.directory import SearchDirectory
from cells.genotype import genotype_file
from cells.support import overrides
from cells.support.errors import UserError
from cells.support.signals import Interruptible


class Killed(BaseException):
    """As if the process had died: nothing catches it."""


@dataclass(frozen=True)
class Dear(Evaluator):
    """A score that has little to do with the cheap one, and some chance in it."""

    reward: ClassVar[str] = "worth"
    asked: ClassVar[list[Request]] = []
    dies_at: ClassVar[int] = -1
    fails: tuple[str, ...] = ()

    def score(self, request: Request) -> Score:
        if len(self.asked) == self.dies_at:
            raise Killed
        self.asked.append(request)
        if request.genotype.name in self.fails:
            raise MemoryError
        return Score({"worth": worth(request)})


def worth(request: Request) -> float:
    return int(request.genotype.name[-6:], 16) % 97 + request.seed % 7 / 100


@pytest.fixture(autouse=True)
def nobody_asked() -> None:
    Dear.asked.clear()
    Dear.dies_at = -1


def resolved(settings: dict[str, Any]) -> tuple[schema.SearchConfig, Search]:
    values = schema.SearchConfig()
    overrides.apply(values, settings, "test")
    return values, resolve.resolve(values)


@pytest.fixture
def searched(counting: dict, tmp_path: pathlib.Path) -> tuple[SearchDirectory, dict]:
    """A finished search by parameters, and its settings."""
    settings = {
        **counting,
        "top": 6,
        "rerank": {"top_k": 4, "evaluator": {"parameters": {"normal_cells": 2}}},
    }
    directory = SearchDirectory(tmp_path / "search")
    cell_search.search(settings, directory=directory)
    return directory, settings


def again(
    searched: tuple[SearchDirectory, dict], dear: Evaluator | None = None, **changes: Any
) -> dict[str, Any]:
    """Runs the re-ranking; returns `rerank.json`."""
    directory, settings = searched
    settings = copy.deepcopy(settings)
    settings["rerank"] |= changes
    values, search = resolved(settings)
    longer = rerank.final(search)
    if dear is not None:
        longer = dataclasses.replace(longer, evaluator=dear)
    with directory.locked():
        directory.store_config(schema.used_values(values))
        rerank.rerank(directory, search, longer, Interruptible())
    return json.loads((directory.path / "rerank.json").read_text())


def top(directory: SearchDirectory) -> list[int]:
    return [
        genotype_file.read(path).provenance["trial"]
        for path in sorted((directory.path / "top").iterdir())
    ]


def kendall(pairs: list[tuple[float, float]]) -> float:
    """Tau-b from its definition (Kendall 1945)."""
    concordant = discordant = one_tied = other_tied = 0
    for (a, b), (c, d) in itertools.combinations(pairs, 2):
        product = (a - c) * (b - d)
        concordant, discordant = concordant + (product > 0), discordant + (product < 0)
        one_tied += product == 0 and a != c
        other_tied += product == 0 and b != d
    both = concordant + discordant
    return (concordant - discordant) / math.sqrt((both + one_tied) * (both + other_tied))


def spearman(pairs: list[tuple[float, float]]) -> float:
    """Pearson's correlation of the ranks, equal values having their mean rank."""
    ranks = [
        [sum(b < a for b in values) + (sum(b == a for b in values) + 1) / 2 for a in values]
        for values in zip(*pairs, strict=True)
    ]
    return float(np.corrcoef(*ranks)[0, 1])


def test_the_new_scores_decide_on_the_order_and_on_all_that_follows(
    searched: tuple[SearchDirectory, dict],
) -> None:
    directory, _ = searched
    before = top(directory)
    found = again(searched, Dear(), seeds=2)
    rows = found["candidates"]
    assert sorted(row["trial"] for row in rows) == sorted(before[:4]), "the best four"
    assert [before[row["rank_in_search"] - 1] for row in rows] == [row["trial"] for row in rows]
    assert [row["rank"] for row in rows] == [1, 2, 3, 4]

    values: dict[str, list[float]] = {}
    for request in Dear.asked:
        values.setdefault(request.genotype.name, []).append(worth(request))
    assert [len(v) for v in values.values()] == [2, 2, 2, 2]
    means = sorted((sum(v) / 2 for v in values.values()), reverse=True)
    assert [row["mean"] for row in rows] == pytest.approx(means)
    for row in rows:
        first, second = row["values"]
        assert row["standard_error"] == pytest.approx(abs(first - second) / 2)

    # What was not trained again follows in the old order.
    assert top(directory) == [row["trial"] for row in rows] + before[4:]
    winner = genotype_file.read(directory.path / "genotype.json")
    assert winner.provenance["trial"] == rows[0]["trial"]
    assert winner.provenance["rerank"]["worth"] == rows[0]["mean"]
    header = (directory.path / "train.yaml").read_text().splitlines()[0]
    assert f"trial {rows[0]['trial']} (" in header and "trained again worth" in header


def test_how_well_the_cheap_scores_foretold_the_order(
    searched: tuple[SearchDirectory, dict],
) -> None:
    found = again(searched, Dear(), top_k=9)
    rows = found["candidates"]
    pairs = [(row["search_score"], row["mean"]) for row in rows]
    assert found["kendall"] == pytest.approx(kendall(pairs))
    assert found["spearman"] == pytest.approx(spearman(pairs))
    assert found["correlated_candidates"] == len(pairs) == 9
    page = (searched[0].path / "report.html").read_text()
    assert f"Spearman {found['spearman']:.2f}, Kendall {found['kendall']:.2f}" in page
    section = page.split("<h2>The best trained again</h2>")[1].split("<h2>")[0]
    assert section.count("<circle") == 9
    assert section.count("<tr>") == 1 + 9


def test_a_killed_reranking_goes_on_and_trains_nothing_twice(
    searched: tuple[SearchDirectory, dict],
) -> None:
    directory, settings = searched
    before = top(directory)
    Dear.dies_at = 3
    with pytest.raises(Killed):
        again(searched, Dear(), seeds=2)
    Dear.dies_at = -1
    assert top(directory) == before, "half of the results give no order"
    _, search = resolved(settings)
    # What a report shows of it.
    from cell_search.output import report

    page = pathlib.Path(report.write(directory, search, directory.read_study())).read_text()
    assert "5 trainings are still to come" in page
    found = again(searched, Dear(), seeds=2)
    assert found["complete"]
    assert len(Dear.asked) == len({request.number for request in Dear.asked}) == 8
    # As if it had not been killed.
    kept = found["candidates"]
    assert [row["mean"] for row in kept] == pytest.approx(
        [
            sum(worth(r) for r in Dear.asked if r.genotype == genotype_at(directory, rank)) / 2
            for rank in range(1, 5)
        ]
    )


def genotype_at(directory: SearchDirectory, rank: int) -> Any:
    return genotype_file.read(directory.path / "top" / f"{rank:02}.json")


def test_more_candidates_and_seeds_go_on_from_what_is_there(
    searched: tuple[SearchDirectory, dict],
) -> None:
    again(searched, Dear(), top_k=2)
    assert len(Dear.asked) == 2
    found = again(searched, Dear(), top_k=3, seeds=2)
    assert len(Dear.asked) == 6
    assert [len(row["values"]) for row in found["candidates"]] == [2, 2, 2]
    search_study = searched[0].read_study()
    assert len(search_study.trials) == 40, "the search's own study is left alone"
    assert {t.state for t in search_study.trials} == {TrialState.COMPLETE}


def test_a_candidate_that_fails_is_told_and_is_not_among_the_best(
    searched: tuple[SearchDirectory, dict],
) -> None:
    directory, _ = searched
    best = genotype_at(directory, 1)
    found = again(searched, Dear(fails=(best.name,)))
    last = found["candidates"][-1]
    assert last["trial"] == best.provenance["trial"]
    assert (last["rank"], last["mean"], last["failures"]) == (None, None, ["MemoryError"])
    assert found["correlated_candidates"] == 3
    assert last["trial"] not in top(directory)
    assert "failed: MemoryError" in (directory.path / "report.html").read_text()


def test_scores_that_are_all_the_same_foretell_nothing(
    searched: tuple[SearchDirectory, dict],
) -> None:
    found = again(searched, Dear(), top_k=1)
    assert (found["spearman"], found["kendall"]) == (None, None)
    assert "say nothing of the new order" in (searched[0].path / "report.html").read_text()


def test_the_same_settings_with_more_of_everything_by_default() -> None:
    """N and F doubled, four times the epochs; all else as in the search."""
    _, search = resolved(
        {
            "evaluator": {
                "type": "train",
                "train": {"normal_cells": 1, "filters": 8, "epochs": 3, "flip": False},
            }
        }
    )
    longer = rerank.final(search).evaluator
    assert longer == dataclasses.replace(search.evaluator, normal_cells=2, filters=16, epochs=12)
    said = {"evaluator": {"train": {"epochs": 50}}, "images": {"training": 7}}
    values = copy.deepcopy(search.config)
    overrides.apply(values, {"rerank": said}, "test")
    changed = rerank.final(dataclasses.replace(search, config=values))
    assert changed.evaluator == dataclasses.replace(search.evaluator, epochs=50)
    assert changed.images == dataclasses.replace(search.images, training=7)
    assert search.evaluator.epochs == 3


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"top_k": 0}, r"rerank\.top_k: 0 is too small"),
        ({"seeds": 0}, r"rerank\.seeds: 0 is too small"),
        (
            {"evaluator": {"train": {"epochs": "many"}}},
            r"rerank\.evaluator\.train\.epochs: 'many' is not a whole number",
        ),
        (
            {"evaluator": {"type": "trian"}},
            r"rerank\.evaluator: .*'trian'.*did you mean 'train'|'trian'; did you mean 'train'",
        ),
        ({}, r"rerank\.evaluator: 'parameters' trains nothing that could be trained longer"),
    ],
)
def test_a_section_that_cannot_be(counting: dict, settings: dict, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        rerank.final(resolved({**counting, "rerank": settings})[1])


def test_other_settings_are_another_reranking(searched: tuple[SearchDirectory, dict]) -> None:
    first = again(searched)
    assert first["kendall"] > 0.0, "parameters of N = 1 against those of N = 2"
    other = {"parameters": {"normal_cells": 3}}
    with pytest.raises(UserError, match=r"evaluator\.normal_cells is 3, was 2.*rerank\.name"):
        again(searched, evaluator=other)
    second = again(searched, evaluator=other, name="deeper")
    assert second["settings"]["evaluator.normal_cells"] == 3
    assert all(
        one > another
        for one, another in zip(
            (row["mean"] for row in second["candidates"]),
            (row["mean"] for row in first["candidates"]),
            strict=True,
        )
    )


def test_the_command(digits_dir: pathlib.Path, small: dict, tmp_path: pathlib.Path) -> None:
    """Counted by parameters, decided by training: real children, as people run it."""
    path = tmp_path / "search"
    settings = {
        **small,
        "evaluator": {**small["evaluator"], "type": "parameters"},
        "strategy": {"type": "random"},
        "trials": 6,
    }
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(settings))
    start = [sys.executable, "-m", "cell_search", f"--search_dir={path}"]
    none = run_command([*start, "--mode=rerank"])
    assert none.returncode == 2
    assert "there is no search" in none.stderr
    done = run_command([*start, f"--config_file={file}"])
    assert done.returncode == 0, done.stderr
    wanted = tmp_path / "rerank.yaml"
    evaluator = {"type": "train", "train": small["evaluator"]["train"]}
    wanted.write_text(yaml.safe_dump({"rerank": {"evaluator": evaluator}}))
    more = ["--mode=rerank", "--top_k=2", f"--params_override={wanted}"]
    done = run_command([*start, *more])
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == [str(path / "rerank.json"), str(path / "report.html")]
    told = [line for line in done.stdout.splitlines() if not line.startswith(str(path))]
    begun, first, *again, summary = told
    assert begun == f"trains the best again in {path}; TensorFlow is being loaded"
    names = re.findall(r"\d+", first)
    assert [line.split("  ")[0] for line in again] == [f"trial {n} again" for n in names]
    assert "2/2  accuracy" in again[-1] and "; trained again, accuracy 0." in summary
    found = json.loads((path / "rerank.json").read_text())
    assert found["settings"]["evaluator.epochs"] == small["evaluator"]["train"]["epochs"]
    accuracies = [row["mean"] for row in found["candidates"]]
    assert accuracies == sorted(accuracies, reverse=True)
    assert all(0.0 < accuracy < 1.0 for accuracy in accuracies)
    # The configuration remembers it.
    assert yaml.safe_load((path / "config.yaml").read_text())["rerank"]["top_k"] == 2


def test_cells_of_nas_bench_201_in_the_order_of_another_data_set(
    data_dir: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """A whole re-ranking by real scores: found on CIFAR-10, decided on CIFAR-100."""
    settings = {
        "space": {"name": "nas_bench_201"},
        "strategy": {"type": "random"},
        "evaluator": {"type": "nas_bench_201", "nas_bench_201": {"dataset": "c10"}},
        "images": {"data_dir": str(data_dir)},
        "trials": 60,
        "report_minutes": 0.0,
        "rerank": {"top_k": 30, "evaluator": {"nas_bench_201": {"dataset": "c100"}}},
    }
    directory = SearchDirectory(tmp_path / "search")
    cell_search.search(settings, directory=directory)
    found = again((directory, settings))
    known = {trial.number: trial.params for trial in directory.read_study().trials}
    # Operations as NAS-Bench-201 numbers them.
    names = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
    edges = ("op01", "op02", "op12", "op03", "op13", "op23")
    with gzip.open(data_dir / "nas_bench" / "nb201.csv.gz", "rt") as file:
        scores = {
            tuple(names[int(row[edge])] for edge in edges): (
                float(row["c10_val12"]),
                float(row["c100_val12"]),
            )
            for row in csv.DictReader(file)
        }
    pairs = [scores[tuple(params[edge] for edge in edges)] for params in known.values()]
    best = sorted(pairs, reverse=True)[:30]
    rows = found["candidates"]
    assert [row["mean"] for row in rows] == sorted((new for _, new in best), reverse=True)
    assert sorted((row["search_score"], row["mean"]) for row in rows) == sorted(best)
    assert found["kendall"] == pytest.approx(kendall(best))
    assert found["spearman"] == pytest.approx(spearman(best))
    winner = json.loads((directory.path / "best.json").read_text())
    assert winner["provenance"]["rerank"]["valid"] == max(pair[1] for pair in best)
