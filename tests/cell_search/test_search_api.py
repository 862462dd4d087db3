"""The front door of the first stage: one call from Python, the same code as the command line's."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest
from search_commands import ROOT, run_command

import cell_search
from cell_search import UserError
from cells.genotype import genotype_file
from cells.network import presets
from cells.network.stack import stack
from cells.operations.counts import summarize


def joined(genotype: Any) -> float:
    """A score that can be checked by hand: the states that the Normal cell joins."""
    return float(len(genotype.normal.concat))


def inputs(genotype: Any) -> dict[str, float]:
    """Two metrics: the score, and how many sides read the newer input of the cell."""
    sides = [side for block in genotype.normal.blocks for _, side in block.sides]
    newer = sum(side.input == 1 for side in sides)
    return {"score": -float(sum(side.input for side in sides)), "newer": float(newer)}


def test_a_function_scores_candidates_in_memory(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = cell_search.search(score=joined, space="nasnet", strategy="random", trials=12, seed=3)
    assert list(tmp_path.iterdir()) == [], "nothing is written without a directory"
    assert result.directory is None and result.paths == ()
    scores = [trial["score"] for trial in result.trials]
    assert len(scores) == 12 and result.best.score == {"score": max(scores)}
    assert all(joined(c.genotype) == c.score["score"] for c in result.top)
    assert result.top[0].genotype == result.genotype
    assert [c.score["score"] for c in result.top] == sorted(
        (c.score["score"] for c in result.top), reverse=True
    )


def test_a_search_in_memory_proposes_what_one_in_a_directory_does(tmp_path: pathlib.Path) -> None:
    arguments: dict[str, Any] = {
        "score": inputs,
        "strategy": "regularized_evolution",
        "settings": {"strategy": {"regularized_evolution": {"population": 4, "sample": 2}}},
        "trials": 12,
    }
    memory = cell_search.search(**arguments)
    cell_search.search(**{**arguments, "trials": 5}, directory=tmp_path)
    kept = cell_search.search(score=inputs, trials=12, directory=tmp_path)
    points = [[t.params for t in result.study.trials] for result in (memory, kept)]
    assert points[0] == points[1], "it goes on as if it had not stopped"
    assert genotype_file.read(tmp_path / "genotype.json") == memory.genotype
    assert {"genotype.json", "report.html"} <= {pathlib.Path(p).name for p in kept.paths}
    again = cell_search.open_search(tmp_path)
    assert again.best.trial == kept.best.trial and len(again.trials) == 12
    assert {"newer", "seconds", "decision/" + next(iter(points[0][0]))} <= set(again.trials[0])


def test_the_command_line_cannot_go_on_without_the_function(tmp_path: pathlib.Path) -> None:
    cell_search.search(score=joined, strategy="random", trials=3, directory=tmp_path)
    arguments = [sys.executable, "-m", "cell_search", f"--search_dir={tmp_path}"]
    report = run_command([*arguments, "--mode=report"])
    assert report.returncode == 0, report.stderr
    done = run_command([*arguments, "--params_override=trials=4"])
    assert done.returncode == 2
    assert (
        "test_search_api.joined, which is not known here; call cell_search.search(score="
        in done.stderr
    )
    assert len(cell_search.open_search(tmp_path).trials) == 3


def test_another_function_is_another_search(tmp_path: pathlib.Path) -> None:
    cell_search.search(score=joined, strategy="random", trials=2, directory=tmp_path)
    with pytest.raises(
        UserError, match=r"evaluator\.function\.name is 'test_search_api\.inputs', was"
    ):
        cell_search.search(score=inputs, trials=4, directory=tmp_path)


def test_processes_take_a_function_that_can_be_sent(tmp_path: pathlib.Path) -> None:
    arguments: dict[str, Any] = {"space": "nas_bench_201", "strategy": "random", "trials": 4}

    def local(genotype: Any) -> float:
        return 0.0

    with pytest.raises(UserError, match="cannot be sent to workers"):
        cell_search.search(score=local, workers=2, **arguments)
    code = (
        "import cell_search, shuffled_score\n"
        "if __name__ == '__main__':\n"
        "    r = cell_search.search(score=shuffled_score.ones, workers=2, space='nas_bench_201',\n"
        "                           strategy='random', trials=4)\n"
        "    print(all(t['score'] == shuffled_score.count(t) for t in r.trials), len(r.trials))\n"
    )
    (tmp_path / "shuffled_score.py").write_text(
        "def ones(decisions):\n"
        "    return sum(v == 'none' for v in decisions.values())\n"
        "def count(trial):\n"
        "    return sum(v == 'none' for k, v in trial.items() if k.startswith('decision/'))\n"
    )
    (tmp_path / "run.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "run.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == ["True 4"], done.stderr


def fails(genotype: Any) -> float:
    raise ValueError("no luck")


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ({"score": 3}, "score: 3 is not a function"),
        ({"score": joined, "evaluator": "train"}, "score: takes the place of the evaluator"),
        ({"score": joined, "space": "nasnett"}, "nasnet"),
        ({"score": joined, "strategy": "bayes"}, "did you mean 'bayesian'"),
        ({"score": joined, "trials": 0}, "trials"),
        (
            {"score": fails, "trials": 2},
            r"none of the 2 trials succeeded; the last failed, ValueEr",
        ),
        ({"score": joined, "settings": {"trails": 3}}, "there is no such key; did you mean 'tria"),
    ],
)
def test_bad_arguments_are_refused_in_a_sentence(arguments: dict, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        cell_search.search(**arguments)


def test_a_reranking_in_memory_follows_the_new_scores(counting: dict) -> None:
    """By parameters at N = 1, then at N = 2: the new order is that of the new counts."""
    result = cell_search.search({**counting, "strategy": {"type": "random"}, "trials": 6, "top": 6})
    settings = {"rerank": {"evaluator": {"parameters": {"normal_cells": 2}}}}
    again = cell_search.rerank(result, top_k=3, settings=settings)
    counts = {}
    for candidate in result.top[:3]:
        cells = candidate.genotype
        network = presets.configure(cells, "cifar", normal_cells=2, filters=4, num_classes=10)
        counts[candidate.trial] = summarize(stack(cells, network), ("logits",), None).trainable
    assert [c.trial for c in again.top[:3]] == sorted(counts, key=counts.__getitem__, reverse=True)
