"""Recurrent cells that evolution finds on a text, beside random search and the published cells.

  python -m benchmarks.recurrent_search --output=DIR

Two searches with equal budgets, regularized evolution and random search, in trees of 8 leaves by
`configs/search/recurrent_afternoon.yaml`, each decided by the same re-ranking. Then the two winners
and `lstm`, `nas`, `enas`, `darts_v2` and a GRU are trained with equal parameters and equal words,
each with the learning rate of a grid that is best on the validation text after `--rate_epochs`,
the first three `--seeds` times and the others `--table_seeds` times. Only then is the test text
read, once for each training. A GRU is in no form of the search and has its step here.

The yardstick, modified Kneser-Ney of 4 words on `lm` by another program, has 117.6 on the
validation text and 105.3 on the test text. When a network passes it is told by the validation text,
which is read after each epoch.

Needs --text or CELLS_DATA_DIR with `lm` (docs/recurrent.md); everything is kept in --output, and a
run that was stopped goes on. By default half an hour of a processor's time for each search and its
re-ranking, and two hours for all that follows.
"""

from __future__ import annotations

import argparse
import functools
import math
import os
import pathlib
import tempfile
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.data import data_dir
from benchmarks.kept import Records
from benchmarks.report import Figure, judged, mean_and_error, observed, print_figures, required

LIMITS = {
    "test perplexity, cell of the search less that of random search": (
        "< 0",
        0.0,
        "a search that learns nothing, in the mean",
    ),
    "processor minutes of the search": ("<= 60", 90, "half as many words again for each child"),
}

#: Perplexities of the yardstick on `lm`.
_VALIDATION, _TEST = 117.6, 105.3

_SEARCHES = ("regularized_evolution", "random")
#: The difference to the first is asked for.
_PUBLISHED = ("lstm", "nas", "enas", "darts_v2")
_GRU = "gru"


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--text", default="", help="folder of train.txt, valid.txt, test.txt")
    parser.add_argument("--trials", type=int, default=100, help="cells of a search")
    parser.add_argument("--training_tokens", type=int, default=140_000, help="of a search's child")
    parser.add_argument("--top_k", type=int, default=4, help="that the re-ranking trains")
    parser.add_argument("--epochs", type=int, default=8, help="of the re-ranking, and at last")
    parser.add_argument("--units", type=int, default=64, help="of a tree; others have as many")
    parser.add_argument("--rates", default="0.003,0.006,0.012", help="of learning, a grid")
    parser.add_argument("--rate_epochs", type=int, default=3, help="of the trainings of the grid")
    parser.add_argument("--seeds", type=int, default=5, help="of the winners and lstm, at last")
    parser.add_argument("--table_seeds", type=int, default=3, help="of the other cells")
    parser.add_argument("--output", default="", help="folder of everything; goes on with it")
    args = parser.parse_args()
    args.text = args.text or os.path.join(data_dir(), "lm")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(args.output or temporary)
        kept = _Kept(Records(folder / "trained.jsonl"))
        genotypes = {kind: _searched(folder, kept, kind, args) for kind in _SEARCHES}
        from cells import recurrent

        genotypes |= {name: recurrent.load(name) for name in _PUBLISHED}
        # Its engine is that of highway cells, with another step.
        genotypes[_GRU] = recurrent.load("enas")
        figures = _compared(kept, genotypes, args)
    print_figures(figures, seeds=range(args.seeds))


class _Kept:
    """What was measured, by its key, on disk."""

    def __init__(self, records: Records):
        self.records = records

    def get(self, key: str, made: Callable[[], Any]) -> Any:
        """What is known, else what `made` gives."""
        if (known := self.records.find(key)) is None:
            self.records.add(key, known := made())
            print(f"{key}: {known}", flush=True)
        return known


def _searched(folder: pathlib.Path, kept: _Kept, kind: str, args: argparse.Namespace) -> Any:
    """The winner of a search and its re-ranking."""
    import cell_search
    from cells.recurrent import recurrent_file

    child = {"text": args.text, "training_tokens": args.training_tokens, "units": args.units}
    # The test text is read at the very last.
    longer = {"epochs": args.epochs, "test": False}
    settings = {
        "strategy": {"type": kind},
        "evaluator": {"language_model": child},
        "trials": args.trials,
        "rerank": {"top_k": args.top_k, "evaluator": {"language_model": longer}},
    }

    def run() -> float:
        began = time.process_time()
        path = folder / kind
        cell_search.search("recurrent_afternoon", settings=settings, directory=path)
        cell_search.rerank(path)
        return round((time.process_time() - began) / 60, 2)

    # Of a search that was stopped, the minutes since then.
    kept.get(f"processor minutes of {kind}", run)
    winner = kept.get(
        f"winner of {kind}",
        lambda: recurrent_file.to_dict(cell_search.open_search(folder / kind).genotype),
    )
    return recurrent_file.from_dict(winner)


def _trained(
    name: str, genotype: Any, rate: float, seed: int, args: argparse.Namespace, *, last: bool
) -> Any:
    """Perplexities of a training, its processor minutes, and when it passed the yardstick.

    Args:
        name: of the cell.
        genotype: the cell.
        rate: of learning.
        seed: of the training.
        args: of the command line.
        last: whether the test text is read in the end.
    """
    from benchmarks import gru
    from cell_search.evaluators import LanguageModel
    from cell_search.evaluators.language_model import text as texts
    from cell_search.evaluators.language_model.loop import Child

    text = texts.load(args.text)
    epochs = args.epochs if last else args.rate_epochs
    settings = LanguageModel(
        text=args.text,
        units=_units(_shapes(name, genotype), len(text.words), args.units),
        epochs=epochs,
        learning_rate=rate,
        dropout=0.2,
        recurrent_dropout=0.1,
    )
    child = Child(genotype, text, settings, seed)
    if name == _GRU:
        gru.take(child)
    told: dict[str, float] = {"passed": 0, "minutes": 0.0}
    for epoch in range(1, epochs + 1):
        began = time.process_time()
        child.run(epoch, None, every_epoch=False)
        told["minutes"] += (time.process_time() - began) / 60
        told |= {n: child.metrics()[n] for n in ("perplexity", "parameters")}
        if told["perplexity"] < _VALIDATION and not told["passed"]:
            told |= {"passed": epoch, "minutes until then": round(told["minutes"], 2)}
    if last:
        parts = texts.windows(
            texts.numbers(pathlib.Path(args.text) / texts.TEST, text.words),
            settings.batch,
            settings.steps,
        )
        told["test"] = math.exp(child.loss(parts))
    return told | {"minutes": round(told["minutes"], 2)}


def _shapes(name: str, genotype: Any) -> Callable[[int], dict[str, tuple[int, ...]]]:
    """The shapes of a cell's weights, by its width."""
    from benchmarks import gru
    from cells.recurrent.counts import shapes

    return gru.shapes if name == _GRU else lambda width: shapes(genotype.cell, width, width)


def _units(shapes: Callable[[int], dict], words: int, units: int) -> int:
    """The width with about as many parameters as a tree of 8 leaves of so many units has."""

    def parameters(width: int) -> int:
        return words * width + sum(math.prod(shape) for shape in shapes(width).values())

    wanted = words * units + 16 * units**2
    return min(range(1, 2 * units), key=lambda width: abs(parameters(width) - wanted))


def _compared(kept: _Kept, genotypes: dict, args: argparse.Namespace) -> list[Figure]:
    rates = [float(rate) for rate in args.rates.split(",")]
    best: dict[str, float] = {}
    for name, genotype in genotypes.items():
        scores = {}
        for rate in rates:
            found = kept.get(
                f"{name}, rate {rate}",
                functools.partial(_trained, name, genotype, rate, 1000, args, last=False),
            )
            scores[rate] = found["perplexity"]
        best[name] = min(scores, key=scores.__getitem__)
    figures, tests = [], {}
    for name, genotype in genotypes.items():
        seeds = args.seeds if name in (*_SEARCHES, _PUBLISHED[0]) else args.table_seeds
        rows = [
            kept.get(
                f"{name}, seed {seed}",
                functools.partial(_trained, name, genotype, best[name], seed, args, last=True),
            )
            for seed in range(seeds)
        ]
        tests[name] = np.array([row["test"] for row in rows])
        mean, error = mean_and_error(tests[name])
        title = f"test perplexity, {name}"
        figures.append(observed(title, mean, error=error, note=_note(rows, best[name])))
    found, random = (tests[kind] for kind in _SEARCHES)
    for name, other in (("that of random search", random), ("lstm", tests["lstm"])):
        error = math.hypot(*(mean_and_error(each)[1] or 0.0 for each in (found, other)))
        gain = round(float(found.mean() - other.mean()), 2)
        title = f"test perplexity, cell of the search less {name}"
        figures.append(judged(LIMITS, title, gain, error=round(error, 2)))
    minutes = kept.records.find(f"processor minutes of {_SEARCHES[0]}")
    figures.append(required(LIMITS, "processor minutes of the search", minutes))
    return figures


def _note(rows: list[dict], rate: float) -> str:
    """What stands beside the test perplexity of a cell."""
    valid, minutes = (np.mean([row[n] for row in rows]) for n in ("perplexity", "minutes"))
    passed = [row for row in rows if row["passed"]]
    when = f"{len(passed)} of {len(rows)} pass the {_VALIDATION} of 4-grams there"
    if passed:
        epoch, cost = (np.mean([r[n] for r in passed]) for n in ("passed", "minutes until then"))
        when += f", after {epoch:.1f} epochs and {cost:.1f} of the minutes"
    below = sum(row["test"] < _TEST for row in rows)
    return (
        f"{rows[0]['parameters']:,.0f} parameters, rate {rate}, {minutes:.1f} processor minutes, "
        f"validation {valid:.1f}: {when}; {below} pass the {_TEST} on the test text"
    )


if __name__ == "__main__":
    main()
