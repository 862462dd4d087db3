"""The first stage from Python: what the command `cell-search` calls, too."""

from __future__ import annotations

import dataclasses
import functools
import os
import sys
from collections.abc import Mapping
from typing import Any

from cell_search.config import read, resolve, schema
from cell_search.config.from_dataclasses import section
from cell_search.config.read import Config
from cell_search.config.search import Search
from cell_search.costs import table
from cell_search.costs.machine import this_machine
from cell_search.driver import driver
from cell_search.driver import rerank as reranks
from cell_search.evaluators import EVALUATORS, Evaluator
from cell_search.evaluators._function import Function, ScoreFunction
from cell_search.search_result import SearchResult
from cell_search.selection.first import known_cells
from cell_search.strategies import trial_of
from cell_search.study.directory import SearchDirectory
from cell_search.study.in_memory import InMemory
from cells.checks import stages
from cells.checks.arguments import checked
from cells.support.errors import UserError
from cells.support.signals import Interruptible

Directory = str | os.PathLike[str] | SearchDirectory


@checked
def search(
    config: Config | None = None,
    *,
    score: ScoreFunction | None = None,
    evaluator: str | Evaluator | None = None,
    space: str | os.PathLike[str] | None = None,
    strategy: str | None = None,
    trials: int | None = None,
    seed: int | None = None,
    workers: int | None = None,
    settings: Mapping[str, Any] | None = None,
    directory: Directory | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    takeover: bool = False,
    params_override: str | None = None,
    interruptible: Interruptible | None = None,
) -> SearchResult:
    """Searches cells, or goes on with a search.

    Args:
        config: a `SearchConfig`, its values as nested dictionaries, or the path of a YAML file (or
            several, the later ones on top). None: the configuration of `directory` if it has one,
            else the defaults.
        score: scores a candidate: a function of a `Genotype` (of the decisions by name in a space
            without genotypes) that returns a number, larger is better, or a dictionary of metrics
            with `score` among them. It takes the place of the evaluator.
        evaluator: how candidates are scored: a name, or an `Evaluator` with its settings.
        space: the name of a space, or a JSON file with one (`cells docs tables`).
        strategy: the name of a strategy.
        trials: candidates in all, those of a search that is continued included.
        seed: of everything random.
        workers: processes that score candidates at the same time; 1 is this process.
        settings: further values of the configuration, such as `{"strategy": {"bayesian":
            {"initial": 20}}}`; `cells docs search` explains all of them.
        directory: where the search is recorded, so that it can go on after a crash; it holds the
            genotypes, the report and all else that `cell-search` writes. None: nothing is written,
            and the result lives in memory.
        data_dir: folder of prepared data sets.
        takeover: whether to end another process that is at work in `directory`.
        params_override: changes as text, such as `"trials=20,strategy.type=random"`.
        interruptible: listens for signals; None leaves them to the caller: Ctrl-C raises
            KeyboardInterrupt, and every finished trial is kept.

    Returns:
        The result; also of a search that had all its trials already.

    Raises:
        UserError: a setting is at fault (says which), the directory was made with other settings,
            or no candidate succeeded.

    Example:
        >>> def joined(genotype):
        ...     return len(genotype.normal.concat)
        >>> result = cell_search.search(score=joined, strategy="random", trials=3)
        >>> len(result.trials), result.best.score["score"] == joined(result.genotype)
        (3, True)
    """
    chosen: dict[str, Any] = {}
    if score is not None and evaluator is not None:
        raise UserError("score: takes the place of the evaluator; give one of the two")
    own = Function.of(score) if score is not None else evaluator
    if isinstance(own, str):
        chosen["evaluator"] = {"type": own}
    elif own is not None:
        chosen["evaluator"] = _evaluator_values(own)
    if space is not None:
        is_file = os.fspath(space).endswith(".json") or os.sep in os.fspath(space)
        chosen["space"] = {"file": os.path.abspath(space)} if is_file else {"name": space}
    if strategy is not None:
        chosen["strategy"] = {"type": strategy}
    if workers is not None:
        many = {"type": "processes", "processes": {"workers": workers}}
        chosen["pool"] = {"type": "inline"} if workers == 1 else many
    given = {"trials": trials, "seed": seed}
    chosen |= {name: value for name, value in given.items() if value is not None}
    if data_dir is not None:
        chosen["images"] = {"data_dir": os.fspath(data_dir)}
    changes = _merged(settings or {}, chosen)

    signals = interruptible or Interruptible()
    folder = None if directory is None else _directory(directory)
    if folder is not None:
        stages.require_own("search_dir", folder.path, stages.SEARCH, "directory")
    # Before anything is written: what is wrong here would be wrong for every candidate.
    with signals.block():
        seen = folder.state() if folder else None
        merged = read.read(config, changes, params_override, folder)
        resolved = _checked(merged, own, folder)
    if folder is None:
        return driver.search(InMemory(), resolved, signals)
    with folder.locked(takeover):
        if folder.state() != seen:
            # Another search has begun or gone on here meanwhile.
            read.read(config, changes, params_override, folder)
        folder.store_config(schema.used_values(merged))
        if resolved.costs is not None:
            table.write(resolved.costs, folder.costs)
        return driver.search(folder, resolved, signals)


@checked
def rerank(
    result: SearchResult | Directory,
    config: Config | None = None,
    *,
    top_k: int | None = None,
    seeds: int | None = None,
    settings: Mapping[str, Any] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    takeover: bool = False,
    params_override: str | None = None,
    interruptible: Interruptible | None = None,
) -> SearchResult:
    """Trains the best of a search again, longer and larger, and puts them in the order of that.

    Args:
        result: of `search`, or the directory of one.
        config: as in `search`.
        top_k: how many of the best.
        seeds: how often each.
        settings: further values of the configuration, such as `{"rerank": {"evaluator": {"train":
            {"epochs": 100}}}}`; without any, N and F are doubled and epochs quadrupled.
        data_dir: folder of prepared data sets.
        takeover: whether to end another process that is at work in the directory.
        params_override: changes as text, such as `"trials=20,strategy.type=random"`.
        interruptible: as in `search`.

    Returns:
        The result, whose `best` and `top` follow the new order.

    Raises:
        UserError: there is no search, it has no candidate with a score, or a setting is at fault.

    Example:
        >>> settings = {
        ...     "space": {"name": "nasnet", "blocks": 2},
        ...     "strategy": {"type": "random"},
        ...     "evaluator": {"type": "parameters"},
        ...     "images": {"name": "digits"},
        ...     "trials": 3,
        ... }
        >>> result = cell_search.search(settings)
        >>> longer = {"rerank": {"evaluator": {"parameters": {"normal_cells": 3}}}}
        >>> result = cell_search.rerank(result, top_k=2, settings=longer)
    """
    given = {"top_k": top_k, "seeds": seeds}
    chosen: dict[str, Any] = {"rerank": {k: v for k, v in given.items() if v is not None}}
    if data_dir is not None:
        chosen["images"] = {"data_dir": os.fspath(data_dir)}
    changes = _merged(settings or {}, chosen)
    signals = interruptible or Interruptible()
    if isinstance(result, SearchResult) and result.directory is None:
        merged = read.read(config or result.config, changes, params_override)
        resolved = dataclasses.replace(result.resolved, config=merged)
        with signals.block():
            longer = _checked_rerank(resolved)
        return reranks.rerank(result.studies, resolved, longer, signals)
    folder = _directory(result.studies if isinstance(result, SearchResult) else result)
    with signals.block():
        seen = folder.state()
        merged = read.read(config, changes, params_override, folder)
        folder.read_study()  # Whether there is one.
        resolved = resolve.resolve(merged, directory=folder)
        longer = _checked_rerank(resolved)
    with folder.locked(takeover):
        if folder.state() != seen:
            read.read(config, changes, params_override, folder)
        folder.store_config(schema.used_values(merged))
        return reranks.rerank(folder, resolved, longer, signals)


@checked
def open_search(
    directory: Directory,
    config: Config | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
    params_override: str | None = None,
    strict: bool = False,
) -> SearchResult:
    """Opens a search to look at it, also while it is running; writes nothing.

    Args:
        directory: its folder.
        config: as in `search`.
        settings: further values of the configuration.
        params_override: changes as text, such as `"trials=20,strategy.type=random"`.
        strict: whether a damaged record is an error; else what stands before it is shown, and a
            warning says so.

    Returns:
        What there is so far.

    Raises:
        UserError: there is no search, or it has no trial yet.

    Example:
        >>> def joined(genotype):
        ...     return len(genotype.normal.concat)
        >>> result = cell_search.search(score=joined, trials=2, directory="runs/joined")
        >>> len(cell_search.open_search("runs/joined").trials)
        2
    """
    folder = _directory(directory)
    resolved = resolve.resolve(
        read.read(config, settings or {}, params_override, folder), None, folder
    )
    study = folder.read_study(strict=strict)
    resolved.space.follow(functools.partial(trial_of, study))
    return SearchResult(resolved, folder, study)


def _evaluator_values(evaluator: Evaluator) -> dict[str, Any]:
    """What the configuration says of an evaluator."""
    if (known := EVALUATORS.name_of(type(evaluator))) is not None:
        return {"type": known, section(known): dict(vars(evaluator))}
    # One of the caller's own, which no configuration can make.
    name = f"{type(evaluator).__module__}.{type(evaluator).__qualname__}"
    return {"type": "function", "function": {"name": name}}


def _checked(merged: Any, own: Any, folder: SearchDirectory | None) -> Search:
    resolved = resolve.resolve(merged, own if isinstance(own, Evaluator) else None, folder)
    if isinstance(own, Function) and merged.pool.type != "inline":
        own.check_workers()
    _check_machine(resolved)
    known_cells(resolved)
    resolved.check()
    return resolved


def _check_machine(resolved: Search) -> None:
    if resolved.costs is None:
        return
    known = resolved.costs.machine
    # Whether the precision is that of the trainings, their evaluator looks at.
    different = known.differences(this_machine(known.precision))
    if not different:
        return
    words = f"costs.file: the times are those of another machine (here {', '.join(different)})"
    if not resolved.config.costs.other_machine:
        raise UserError(
            f"{words}; measure anew with cell-search --mode=costs --costs=FILE, or use them all "
            "the same with costs.other_machine=true"
        )
    print(f"cell-search: {words}; they are used all the same", file=sys.stderr, flush=True)


def _checked_rerank(resolved: Search) -> Search:
    longer = reranks.final(resolved)
    longer.check()
    return longer


def _directory(directory: Any) -> SearchDirectory:
    return directory if isinstance(directory, SearchDirectory) else SearchDirectory(directory)


def _merged(one: Mapping[str, Any], other: Any) -> dict[str, Any]:
    """Nested dictionaries; the second is on top."""
    merged = dict(one)
    for key, value in other.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = _merged(dict(below or {}), value) if both else value
    return merged
