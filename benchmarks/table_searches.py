"""Strategies on tables: who takes part in a comparison, and one search of one of them.

Strategies of this project are driven through `reset`, `propose`, `observe` and `learn`, with the
generators that an Optuna study would give them: the same proposals without the bookkeeping of a
study, which costs more than most strategies. A test compares the two. Other samplers run on a study
in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna

from cell_search.evaluators.tables import Entry, Lookup, nas_bench_201, nas_bench_301
from cell_search.space.space import Point
from cell_search.strategies import STRATEGIES, Strategy
from cell_search.study import trials
from cells.support import yaml_file
from cells.support.registry import choose

TABLES = ("nb201", "nb301")


@dataclass(frozen=True)
class Contender:
    """A strategy and its settings, as `name:setting=value,setting=value`."""

    text: str
    name: str
    settings: dict[str, Any] = field(compare=False)

    def make(self, lookup: Lookup, seed: int) -> Any:
        """The sampler for the space of a table."""
        return find(self.name)(lookup.space, seed=seed, **self.settings)


def find(name: str) -> Any:
    """A strategy of this project, or a peer of another library, `peer:...`.

    Raises:
        UserError: there is no such strategy.
    """
    if not name.startswith("peer:"):
        return STRATEGIES.find(name)
    from benchmarks.peers import PEERS  # which keeps its environment where results are kept

    return choose("peer", name, PEERS)


def contenders(text: str) -> list[Contender]:
    """Reads `a,b:x=1,y=2,c`: a setting alone belongs to the strategy before it.

    Raises:
        UserError: there is no such strategy.
    """
    parts: list[str] = []
    for part in text.split(","):
        if parts and "=" in part and ":" not in part.partition("=")[0]:
            parts[-1] += f",{part}"
        else:
            parts.append(part)
    return [read_contender(part) for part in parts]


def _named(text: str) -> str:
    """The longest name of a strategy that the text begins with, else ""."""
    names = [n for n in STRATEGIES if text == n or text.startswith(f"{n}:")]
    return max(names, key=len, default="")


def read_contender(text: str) -> Contender:
    name = text if text.startswith("peer:") else _named(text)
    if not name:
        STRATEGIES.find(text.partition(":")[0])
    settings = text[len(name) + 1 :]
    pairs = [pair.partition("=") for pair in settings.split(",")] if settings else []
    return Contender(text, name, {key: yaml_file.loads(value) for key, _, value in pairs})


def look_up(table: str, dataset: str, data_dir: str = "") -> Lookup:
    """The table of a name."""
    if table == "nb301":
        return nas_bench_301(data_dir)
    return nas_bench_201(dataset, data_dir)


def search(lookup: Lookup, contender: Contender, seed: int, queries: int) -> dict[str, list]:
    """Runs one search.

    Returns:
        `valid` and `test` of each query, in order.
    """
    found = [entry for _, entry in walk(lookup, contender, seed, queries)]
    return {"valid": [e.valid for e in found], "test": [e.test for e in found]}


def walk(
    lookup: Lookup, contender: Contender, seed: int, queries: int
) -> Iterator[tuple[Point, Entry]]:
    """The candidates of one search, in order, with what the table knows of them."""
    strategy = contender.make(lookup, seed)
    step = _steps if _is_plain(strategy) else _study_steps
    yield from step(lookup, strategy, seed, queries)


def _is_plain(strategy: Any) -> bool:
    """Whether nothing but a strategy's own four methods decide what it proposes."""
    return (
        isinstance(strategy, Strategy)
        and type(strategy).sample_relative is Strategy.sample_relative
    )


def _steps(lookup: Lookup, strategy: Strategy, seed: int, queries: int) -> Iterator[Any]:
    strategy.reset()
    strategy.finished = 0
    for number in range(queries):
        point = strategy.propose(np.random.default_rng([seed, number]))
        entry = lookup.look_up(point)
        assert entry is not None
        strategy.observe(point)
        strategy.finished, strategy.proposed_after = number + 1, number
        strategy.learn(point, entry.valid)
        yield point, entry


def _study_steps(lookup: Lookup, sampler: Any, seed: int, queries: int) -> Iterator[Any]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for number in range(queries):
        point = trials.propose(study, sampler, lookup.space, number)
        trials.begin(study, lookup.space, point)
        entry = lookup.look_up(point)
        assert entry is not None
        study.tell(number, entry.valid)
        yield point, entry
