"""Recurrent cells that evolution finds on a text, beside random search and the published cells.

  python -m benchmarks.recurrent_search --output=DIR

Two searches with equal budgets, regularized evolution and random search, in trees of 8 leaves by
`configs/search/recurrent_afternoon.yaml`, each decided by the same re-ranking. Then the two winners
and `nas`, `lstm`, `enas` and `darts_v2` are trained with equal parameters and equal words, each
with the learning rate of a grid that is best on the validation text, and `--seeds` times with that.
Only then is the test text read, once for each training. A GRU is in no form of the engine. Needs
--text or CELLS_DATA_DIR with `lm` (docs/recurrent.md); everything is kept in --output, and a run
that was stopped goes on. By default an hour of a processor's time for each search.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import pathlib
import tempfile
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.data import data_dir
from benchmarks.report import Figure, judged, observed, print_figures, required

LIMITS = {
    "test perplexity, cell of the search less that of random search": (
        "< 0",
        0.0,
        "a search that learns nothing, in the mean",
    ),
    "processor minutes of the search": ("<= 60", 90, "half as many words again for each child"),
}

#: Modified Kneser-Ney of 4 words on `lm`, by another program.
_YARDSTICK = 105.3

_PUBLISHED = ("nas", "lstm", "enas", "darts_v2")
_SEARCHES = ("regularized_evolution", "random")


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
    parser.add_argument("--seeds", type=int, default=5, help="of the last trainings")
    parser.add_argument("--output", default="", help="folder of everything; goes on with it")
    args = parser.parse_args()
    args.text = args.text or os.path.join(data_dir(), "lm")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(args.output or temporary)
        kept = _Kept(folder / "trained.jsonl")
        genotypes = {kind: _searched(folder, kept, kind, args) for kind in _SEARCHES}
        from cells import recurrent

        genotypes |= {name: recurrent.load(name) for name in _PUBLISHED}
        figures = _compared(kept, genotypes, args)
    print_figures(figures, seeds=range(args.seeds))


class _Kept:
    """What was measured, by its key, on disk."""

    def __init__(self, path: pathlib.Path):
        self.path, self.rows = path, dict[str, Any]()
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                self.rows[row["key"]] = row["value"]

    def get(self, key: str, made: Any) -> Any:
        """What is known, else what `made` gives."""
        if key not in self.rows:
            self.rows[key] = made()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "value": self.rows[key]}) + "\n")
            print(f"{key}: {self.rows[key]}", flush=True)
        return self.rows[key]


def _searched(folder: pathlib.Path, kept: _Kept, kind: str, args: argparse.Namespace) -> Any:
    """The winner of a search and its re-ranking."""
    import cell_search

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
    return cell_search.open_search(folder / kind).genotype


def _trained(genotype: Any, rate: float, seed: int, test: bool, args: argparse.Namespace) -> Any:
    """Perplexities of a training by the last protocol, and its processor minutes."""
    from cell_search.evaluators import LanguageModel
    from cell_search.evaluators.language_model import text as texts
    from cell_search.evaluators.language_model.loop import Child

    text = texts.load(args.text)
    settings = LanguageModel(
        text=args.text,
        units=_units(genotype, len(text.words), args.units),
        epochs=args.epochs,
        learning_rate=rate,
        dropout=0.2,
        recurrent_dropout=0.1,
    )
    began = time.process_time()
    child = Child(genotype, text, settings, seed)
    child.run(args.epochs, None, every_epoch=False)
    found = child.metrics()
    told = {name: found[name] for name in ("perplexity", "parameters")}
    told["minutes"] = round((time.process_time() - began) / 60, 2)
    if test:
        parts = texts.windows(
            texts.numbers(pathlib.Path(args.text) / texts.TEST, text.words),
            settings.batch,
            settings.steps,
        )
        told["test"] = math.exp(child.loss(parts))
    return told


def _units(genotype: Any, words: int, units: int) -> int:
    """The width with about as many parameters as a tree of 8 leaves of so many units has."""
    from cells.recurrent.counts import shapes

    def parameters(width: int) -> int:
        own = shapes(genotype.cell, width, width).values()
        return words * width + sum(math.prod(shape) for shape in own)

    wanted = words * units + 16 * units**2
    return min(range(1, 2 * units), key=lambda width: abs(parameters(width) - wanted))


def _compared(kept: _Kept, genotypes: dict, args: argparse.Namespace) -> list[Figure]:
    rates = [float(rate) for rate in args.rates.split(",")]
    best: dict[str, float] = {}
    for name, genotype in genotypes.items():
        scores = {}
        for rate in rates:
            key = f"{name}, rate {rate}"
            found = kept.get(key, lambda g=genotype, r=rate: _trained(g, r, 1000, False, args))
            scores[rate] = found["perplexity"]
        best[name] = min(scores, key=scores.__getitem__)
    figures, tests = [], {}
    for name, genotype in genotypes.items():
        rows = [
            kept.get(
                f"{name}, seed {seed}",
                lambda g=genotype, n=name, s=seed: _trained(g, best[n], s, True, args),
            )
            for seed in range(args.seeds)
        ]
        tests[name] = np.array([row["test"] for row in rows])
        valid = np.mean([row["perplexity"] for row in rows])
        minutes = np.mean([row["minutes"] for row in rows])
        passes = "passes" if tests[name].mean() < _YARDSTICK else "does not pass"
        note = (
            f"{rows[0]['parameters']:,.0f} parameters, rate {best[name]}, validation {valid:.1f}, "
            f"{minutes:.1f} processor minutes; {passes} the {_YARDSTICK} of 4-grams"
        )
        mean, error = _mean(tests[name])
        figures.append(observed(f"test perplexity, {name}", mean, error=error, note=note))
    found, random = (tests[kind] for kind in _SEARCHES)
    for name, other in (("that of random search", random), ("lstm", tests["lstm"])):
        error = math.hypot(_mean(found)[1], _mean(other)[1])
        gain = round(float(found.mean() - other.mean()), 2)
        title = f"test perplexity, cell of the search less {name}"
        figures.append(judged(LIMITS, title, gain, error=round(error, 2)))
    minutes = kept.rows[f"processor minutes of {_SEARCHES[0]}"]
    figures.append(required(LIMITS, "processor minutes of the search", minutes))
    return figures


def _mean(values: np.ndarray) -> tuple[float, float]:
    """With its standard error."""
    error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return round(float(values.mean()), 2), round(float(error), 2)


if __name__ == "__main__":
    main()
