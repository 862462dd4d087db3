"""The best candidates, and the front of several objectives, with their cells."""

from __future__ import annotations

from html import escape

from optuna.trial import FrozenTrial, TrialState

from cell_search.config import searched_settings
from cell_search.config.search import Search
from cell_search.output import charts
from cell_search.output.report._pictures import Pictures
from cell_search.space.space import GenotypeSpace
from cell_search.study import trials
from cell_search.trial_keys import METRICS
from cells.support.html import number, table, title


def front(search: Search, known: list[FrozenTrial], pictures: Pictures) -> str:
    """The first objective against each of the others, and the trials that none dominates."""
    first, *others = search.objectives
    if not others:
        return ""
    successful = [t for t in known if t.state == TrialState.COMPLETE]
    best = trials.front(known, search.space, [o.sign for o in search.objectives])
    numbers = {t.number for t in best}
    what = noun(search)
    parts = [f"<h2>The front: {len(best)} {what} that no other is better than in everything</h2>"]
    for i, other in enumerate(others, start=1):
        parts.append(
            charts.scatter(
                [(t.number, t.values[i], t.values[0]) for t in successful],
                numbers,
                (title(other.metric), title(first.metric)),
                (other.sign, first.sign),
            )
        )
    return "\n".join([*parts, ranked(search, best, "front", pictures)])


def noun(search: Search) -> str:
    """What candidates are called."""
    return search.space.noun if isinstance(search.space, GenotypeSpace) else "candidates"


def ranked(search: Search, rows: list[FrozenTrial], folder: str, pictures: Pictures) -> str:
    """A table of trials with their cells.

    Args:
        search: the search.
        rows: the trials, best first.
        folder: where their genotypes are.
        pictures: draws cells.
    """
    if not rows:
        return "<p>No trial has succeeded yet.</p>"
    objectives = [o.metric for o in search.objectives]
    metrics = [
        name
        for name in dict.fromkeys(m for t in rows for m in t.user_attrs.get(METRICS, {}))
        if name not in objectives
    ]
    heads = ["", *objectives, "trial", *searched_settings.chosen(rows[0].params), *metrics]
    shown = [
        _ranked_row(f"{folder}/{rank:02}.json", rank, t, search, metrics, pictures)
        for rank, t in enumerate(rows, start=1)
    ]
    return table([title(head) for head in heads], shown, "best")


def _ranked_row(
    file: str,
    rank: int,
    trial: FrozenTrial,
    search: Search,
    metrics: list[str],
    pictures: Pictures,
) -> str:
    values = trial.user_attrs.get(METRICS, {})
    cells = [number(values[name]) if name in values else "" for name in metrics]
    searched = map(str, searched_settings.chosen(trial.params).values())
    numbers = [str(rank), *map(number, trial.values), str(trial.number), *searched, *cells]
    what = search.space.one if isinstance(search.space, GenotypeSpace) else "decisions"
    known = f", known as {escape(name)}" if (name := trials.first_name(trial)) else ""
    summary = f"{what} of trial {trial.number}{known}, <code>{file}</code>"
    # A front may be long.
    if rank > search.config.top:
        shown = f"<p class=legend>{summary}</p>"
    else:
        shown = _shown(search, trial, pictures)
        opened = " open" if rank <= 3 else ""
        shown = f"<details{opened}><summary>{summary}</summary>{shown}</details>"
    return (
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in numbers) + "</tr>"
        f"<tr class=cells><td colspan={len(numbers)}>{shown}</td></tr>"
    )


def _shown(search: Search, trial: FrozenTrial, pictures: Pictures) -> str:
    if isinstance(search.space, GenotypeSpace):
        return pictures.of(search.space, trial)
    made = "".join(
        f"<span>{escape(d.name)} <b>{escape(str(trial.params[d.name]))}</b></span>"
        for d in search.space.decisions
    )
    described = escape(search.space.describe(trial.params))
    return f"<p><code>{described}</code></p><p class=decisions>{made}</p>"
