"""Trains the best of a search again, longer and larger, by the driver of searches."""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections import Counter
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from cell_search.config.comparison import is_free
from cell_search.config.from_dataclasses import section
from cell_search.config.schema import SearchConfig
from cell_search.config.search import Search, change_evaluator
from cell_search.driver import driver, inputs
from cell_search.evaluators import EVALUATORS, Evaluator
from cell_search.images import ImageSettings
from cell_search.output import results
from cell_search.search_result import SearchResult
from cell_search.strategies import trial_of
from cell_search.study import trials
from cell_search.study.directory import SearchDirectory
from cell_search.study.studies import Studies
from cell_search.trial_keys import PROTOCOL, REWARD
from cells.support import overrides
from cells.support.errors import UserError
from cells.support.settings_differences import in_words, settings_differences
from cells.support.signals import Interruptible

#: The seeds of a re-ranking lie beyond those of searches.
_SEED = 2**32


def final(search: Search) -> Search:
    """The search whose children are trained as `rerank` says.

    Args:
        search: the search.

    Raises:
        UserError: the section names what does not exist, or nothing that could be longer.
    """
    wanted = search.config.rerank
    config = copy.deepcopy(search.config)
    config.seed += _SEED
    config.objectives = []
    config.pruner.type = "none"
    changes = wanted.evaluator.set_values()
    alone = search.evaluator.from_scratch()
    if alone is not search.evaluator:
        kind = EVALUATORS.name_of(type(alone))
        assert kind is not None
        values = {"type": kind, section(kind): dataclasses.asdict(alone)}
        config.evaluator = SearchConfig().evaluator
        overrides.apply(config.evaluator, values, "rerank.evaluator")
    if changes:
        evaluator = change_evaluator(config, changes, "rerank.evaluator")
        if evaluator.inherit is None:  # Nobody is there to start from.
            evaluator = dataclasses.replace(evaluator, inherit=False)  # type: ignore[call-arg]
    else:
        evaluator = _longer(alone, config.evaluator.type)
    overrides.apply(config.images, wanted.images.set_values(), "rerank.images")
    return dataclasses.replace(
        search,
        config=config,
        evaluator=evaluator.deciding(),
        images=ImageSettings(**config.images.as_dict()),
    )


def _longer(evaluator: Evaluator, kind: str) -> Evaluator:
    longer = evaluator.longer()
    if longer is None:
        raise UserError(
            f"rerank.evaluator: {kind!r} trains nothing that could be trained longer; say how the "
            "best are to be scored, such as rerank.evaluator.type=train"
        )
    return longer


def rerank(
    studies: Studies, search: Search, longer: Search, interruptible: Interruptible
) -> SearchResult:
    """Trains the best candidates again, or goes on with it; writes the new order.

    Every candidate with every seed is a trial of a second study, recorded before the first is
    evaluated: a killed re-ranking loses only what was running.

    Args:
        studies: of the search; a directory is locked by the caller.
        search: the search.
        longer: how they are trained again, from `final`.
        interruptible: listens for Ctrl-C and SIGTERM.

    Returns:
        The study of the search, and the paths of what was written, to show.

    Raises:
        UserError: no trial of the search succeeded, an earlier re-ranking had other settings, what
            is read for the winner is missing, or no candidate could be trained.
        Interruption: by a signal.
    """
    directory = studies if isinstance(studies, SearchDirectory) else None
    where = f"{directory.path}: " if directory else ""
    # It exists, and this mends its journal before anyone writes.
    found = studies.open_study(pause=interruptible.sleep)
    search.space.follow(functools.partial(trial_of, found))
    inputs.require_same(found, search)
    if directory:
        directory.note_config(found)
    wanted = search.config.rerank
    results.best_of(search, found, where=where)  # One succeeded.
    known = found.get_trials(deepcopy=False)
    best = trials.best(known, search.space, wanted.top_k, search.objectives[0].sign)
    study = studies.open_rerank(wanted.name)
    space, before = search.space, study.get_trials(deepcopy=False)
    there = Counter(space.canonical_key(t.params) for t in before)
    missing = [
        trial
        for seed in range(1, wanted.seeds + 1)
        for trial in best
        if there[space.canonical_key(trial.params)] < seed
    ]
    if directory and (missing or not all(t.state.is_finished() for t in before)):
        longer.evaluator.check_leave()
    _require_same(study, where, longer)
    for trial in missing:
        trials.begin(study, space, space.point(trial) or {})
    numbers = {space.canonical_key(trial.params): trial.number for trial in best}
    times = "once" if wanted.seeds == 1 else f"{wanted.seeds} times"
    told = ", ".join(map(str, numbers.values()))
    trial_or_trials = "trial" if len(numbers) == 1 else "trials"
    print(f"the cells of {trial_or_trials} {told} are trained again, {times} each", flush=True)
    longer.config.trials = len(study.get_trials(deepcopy=False))
    files = driver.Files(directory, search, found) if directory else None

    def named(trial: FrozenTrial) -> str:
        # As in the search; earlier re-rankings may have had others.
        return f"trial {numbers.get(space.canonical_key(trial.params), '?')} again"

    driver.run(studies, wanted.name, longer, study, interruptible, files, named=named)
    again = results.reranking_of(search, found)
    assert again is not None
    if not again.scored:
        raise UserError(
            f"{where}none of the {len(again.candidates)} candidates could be trained "
            f"again; the last failed, {again.candidates[-1].failures[-1]}"
        )
    paths = files.write() if files else ()
    if directory and again.complete:
        paths += tuple(_leave(directory, longer, study, again.scored[0].trial))
    return SearchResult(search, studies, found, paths)


def _leave(
    directory: SearchDirectory, longer: Search, study: optuna.Study, winner: FrozenTrial
) -> list[str]:
    """What the evaluator leaves of the winner's trainings; the paths."""
    key = longer.space.canonical_key
    done = [t for t in study.get_trials(deepcopy=False) if t.state == TrialState.COMPLETE]
    again = [t for t in done if key(t.params) == key(winner.params)]
    folder = directory.weights(longer.config.weights_dir, longer.config.rerank.name)
    requests = [
        driver.request_of(longer, t.number, longer.space.point(t) or {}, folder=folder)
        for t in sorted(again, key=lambda t: -t.values[0])
    ]
    return longer.evaluator.leave(requests, directory.path)


def _require_same(study: optuna.Study, where: str, longer: Search) -> None:
    protocol = protocol_of(longer)
    before = study.user_attrs.get(PROTOCOL)
    if before is None:
        study.set_user_attr(REWARD, longer.evaluator.reward)
        study.set_user_attr(PROTOCOL, protocol)
        return
    # Settings that the version of then did not know were as they are by default.
    default = dataclasses.replace(
        longer, evaluator=type(longer.evaluator)(), images=ImageSettings()
    )
    if different := settings_differences(protocol, before, defaults=protocol_of(default)):
        raise UserError(
            f"{where}the best were trained again with other settings "
            f"({in_words(different)}); use the same, or another rerank.name for a second "
            "re-ranking"
        )


def protocol_of(longer: Search) -> dict[str, Any]:
    """The settings by which candidates are trained again, as `a.b: value`.

    Args:
        longer: from `final`.
    """
    kind = longer.config.evaluator.type
    protocol = {"evaluator.type": kind}
    for part, where, settings in (
        ("evaluator", f"evaluator.{section(kind)}", longer.evaluator),
        ("images", "images", longer.images),
    ):
        for name, value in dataclasses.asdict(settings).items():
            if not is_free(f"{where}.{name}"):
                protocol[f"{part}.{name}"] = value
    return protocol
