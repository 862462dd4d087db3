"""What a search leaves: the best candidates, the front, and how to train the winner."""

from __future__ import annotations

import importlib.metadata
import pathlib
import platform
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from cell_search.config.comparison import used_settings
from cell_search.config.search import Search
from cell_search.images import facts
from cell_search.output import train_file
from cell_search.selection import reranking
from cell_search.selection.reranking import Reranking
from cell_search.space.space import GenotypeSpace
from cell_search.study import trials
from cell_search.study.directory import SearchDirectory
from cell_search.study.studies import beside
from cell_search.trial_keys import METRICS
from cells.kinds import files as kinds
from cells.support.errors import UserError
from cells.support.files import write_json
from cells.support.version import __version__

#: Of the files that hold decisions instead of a genotype.
DECISIONS_VERSION = 1

_PACKAGES = ("tensorflow", "keras", "optuna", "numpy")


def best_of(
    search: Search, study: optuna.Study, again: Reranking | None = None, *, where: str = ""
) -> list[FrozenTrial]:
    """The best trials, best first: by a re-ranking if there is one, then by the first objective.

    Args:
        search: the search.
        study: holds its trials.
        again: the re-ranking.
        where: what an error begins with, such as `PATH: `.

    Raises:
        UserError: none succeeded; says why the last one failed.
    """
    known = study.get_trials(deepcopy=False)
    best = ranked(search, known, again)
    if best:
        return best
    failed = [t for t in known if t.state == optuna.trial.TrialState.FAIL]
    reason = f"; the last failed, {trials.failure(failed[-1])}" if failed else ""
    raise UserError(f"{where}none of the {len(known)} trials succeeded{reason}")


def ranked(search: Search, known: list[FrozenTrial], again: Reranking | None) -> list[FrozenTrial]:
    """The best `top` different candidates that succeeded, best first.

    Args:
        search: the search.
        known: all trials.
        again: the re-ranking, if there is one.
    """
    # Enough to fill the list behind those that were trained again; a key of each trial of a long
    # search would take a while.
    count = search.config.top + (len(again.candidates) if again else 0)
    best = trials.best(known, search.space, count, search.objectives[0].sign)
    return (again.order(best) if again else best)[: search.config.top]


def reranking_of(search: Search, study: optuna.Study) -> Reranking | None:
    """The re-ranking that the configuration names, or None where there is none.

    Args:
        search: the search.
        study: that of the search; the re-ranking's lies in the same storage, which need not be
            read again.
    """
    try:
        again = beside(study, search.config.rerank.name)
    except KeyError:
        return None
    known = study.get_trials(deepcopy=False)
    return reranking.read(again, known, search.space, search.objectives[0])


def front_of(search: Search, study: optuna.Study) -> list[FrozenTrial]:
    """The trials that no other one dominates, sorted by the first objective, best first.

    Args:
        search: the search.
        study: the study.
    """
    signs = [objective.sign for objective in search.objectives]
    return trials.front(study.get_trials(deepcopy=False), search.space, signs)


def score(trial: FrozenTrial, search: Search) -> dict[str, float]:
    """The values of a trial that succeeded, by the names of the objectives.

    Args:
        trial: one that succeeded.
        search: the search.
    """
    return {o.metric: v for o, v in zip(search.objectives, trial.values, strict=True)}


def write(directory: SearchDirectory, search: Search, study: optuna.Study) -> list[str]:
    """Writes `genotype.json` (`best.json` in a space without genotypes), `top/NN.json`,
    `front/NN.json` where there are several objectives, `train.yaml` where the search had images,
    and `rerank.json` after a re-ranking.

    Args:
        directory: where the files go.
        search: the search.
        study: the study.

    Returns:
        The paths of the winner, of its training configuration, and of `rerank.json`.

    Raises:
        UserError: no trial succeeded, or a file cannot be written.
    """
    again = reranking_of(search, study)
    best = best_of(search, study, again, where=f"{directory.path}: ")
    _write_ranked(best, search, directory.path / "top", again)
    if len(search.objectives) > 1:
        _write_ranked(front_of(search, study), search, directory.path / "front", again)
    winner = directory.path / ("genotype.json" if search.gives_genotypes else "best.json")
    _write_candidate(best[0], search, winner, again)
    written = [str(winner)]
    if search.trains_winner:
        train = directory.path / "train.yaml"
        train_file.write(train, best[0], search, _scores(best[0], search, again))
        written.append(str(train))
    if again is not None:
        path = directory.path / "rerank.json"
        write_json(path, again.as_dict())
        written.append(str(path))
    return written


def _scores(trial: FrozenTrial, search: Search, again: Reranking | None) -> str:
    """Such as `accuracy 0.81, trained again accuracy 0.93`."""
    said = ", ".join(f"{name} {value:.4g}" for name, value in score(trial, search).items())
    if again is not None and (new := again.said_of(trial)):
        said += f", trained again {again.reward} {new[again.reward]:.4g}"
    return said


def _write_ranked(
    ranked: list[FrozenTrial], search: Search, folder: pathlib.Path, again: Reranking | None
) -> None:
    """Writes `NN.json` for each trial, and removes those of a longer list."""
    names = [f"{rank:02}.json" for rank in range(1, len(ranked) + 1)]
    for trial, name in zip(ranked, names, strict=True):
        _write_candidate(trial, search, folder / name, again)
    for path in folder.glob("[0-9]*.json"):
        if path.name not in names:
            path.unlink()


def _write_candidate(
    trial: FrozenTrial, search: Search, path: pathlib.Path, again: Reranking | None
) -> None:
    provenance = _provenance(trial, search, again)
    if isinstance(search.space, GenotypeSpace):
        kinds.write(search.space.decode(trial.params, provenance=provenance), path)
        return
    candidate = {
        "format_version": DECISIONS_VERSION,
        "description": search.space.describe(trial.params),
        "decisions": {d.name: trial.params[d.name] for d in search.space.decisions},
        "provenance": provenance,
    }
    write_json(path, candidate)


def _provenance(trial: FrozenTrial, search: Search, again: Reranking | None) -> dict[str, Any]:
    said = again.said_of(trial) if again else None
    config = search.config
    source = search.space.source if isinstance(search.space, GenotypeSpace) else ""
    return {
        "space": search.space_name,
        **({"space_source": source} if source else {}),
        "strategy": config.strategy.type,
        **(
            {"dataset": search.images.name, "images": dict(facts(search.images))}
            if search.evaluator.uses_images
            else {}
        ),
        "trial": trial.number,
        **({"first": known} if (known := trials.first_name(trial)) else {}),
        "score": score(trial, search),
        **({"training": searched} if (searched := search.searched(trial.params)) else {}),
        "metrics": trial.user_attrs.get(METRICS, {}),
        **({"rerank": said} if said else {}),
        "seed": config.seed,
        "settings": used_settings(config),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Of this project, Python and the packages that results depend on."""
    return {
        "transferable-cells": __version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
    }
