"""Studies as small text files, which are committed as they grow and from which a clone goes on.

The first line says which decisions there are and what the study knows of itself, every other line
is a trial: {"point": [index of each choice], "state": "COMPLETE", "values": [...], "user": {...},
"system": {...}}. Times of day and names of machines are left out.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from cell_search.study.directory import SearchDirectory
from cell_search.trial_keys import CONFIG, WORK
from cells.support.errors import UserError
from cells.support.files import write_atomically

FORMAT_VERSION = 1


def pack(study: optuna.Study) -> list[str]:
    """The lines of a study; none where it has no trial."""
    trials = study.get_trials(deepcopy=False)
    if not trials:
        return []
    decisions = {name: list(d.choices) for name, d in trials[0].distributions.items()}
    head = {"format_version": FORMAT_VERSION, "decisions": decisions, "user": study.user_attrs}
    return [json.dumps(head), *(json.dumps(_row(trial, decisions)) for trial in trials)]


def _row(trial: FrozenTrial, decisions: dict[str, list[Any]]) -> dict[str, Any]:
    row = {
        "point": [choices.index(trial.params[name]) for name, choices in decisions.items()],
        "state": trial.state.name,
        "values": trial.values,
        "user": {key: value for key, value in trial.user_attrs.items() if key != WORK},
        "system": trial.system_attrs,
    }
    return {key: value for key, value in row.items() if value}


def write(study: optuna.Study, path: pathlib.Path) -> None:
    """Writes a study, complete or not at all.

    Args:
        study: what is written; nothing where it has no trial.
        path: of the file.
    """
    if lines := pack(study):
        write_atomically(path, "".join(f"{line}\n" for line in lines).encode())


def read(path: pathlib.Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The first line and the trials of a file; nothing where there is no file.

    Raises:
        UserError: the file is damaged, or of another version.
    """
    if not path.exists():
        return {}, []
    try:
        head, *rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        version = head["format_version"]
    except (ValueError, LookupError, TypeError) as error:
        raise UserError(f"{path}: is damaged ({error}); check it out again") from None
    if version != FORMAT_VERSION:
        raise UserError(f"{path}: is of version {version!r:.20}; this is {FORMAT_VERSION}")
    return head, rows


def trials_of(head: dict[str, Any], rows: Sequence[dict[str, Any]]) -> list[FrozenTrial]:
    """The trials of a file, as a study takes them."""
    decisions = head.get("decisions", {})
    distributions = {name: CategoricalDistribution(choices) for name, choices in decisions.items()}
    found = []
    for row in rows:
        chosen = zip(decisions.items(), row["point"], strict=True)
        trial = create_trial(
            state=TrialState[row["state"]],
            values=row.get("values"),
            params={name: choices[index] for (name, choices), index in chosen},
            distributions=distributions,
            user_attrs=row.get("user"),
            system_attrs=row.get("system"),
        )
        found.append(trial)
    return found


def unpack(files: dict[str, pathlib.Path], folder: pathlib.Path) -> None:
    """Makes a search directory that goes on where the files end.

    Args:
        files: by the name of the study; "" is that of the search.
        folder: of the search; it has no trial yet.

    Raises:
        UserError: a file is damaged.
    """
    known = {name: read(path) for name, path in files.items()}
    head, rows = known[""]
    if not rows:
        return
    directory = SearchDirectory(folder)
    with directory.locked():
        write_atomically(directory.config, head["user"][CONFIG].encode())
        for name, (first, trials) in known.items():
            if not trials:
                continue
            study = directory.open_rerank(name) if name else directory.open_study()
            for key, value in first["user"].items():
                study.set_user_attr(key, value)
            study.add_trials(trials_of(first, trials))
