"""`report.html`: a search on one page that needs nothing else, on light and on dark screens."""

from __future__ import annotations

import base64
import functools
import time
from collections import Counter
from collections.abc import Iterable
from html import escape
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from cell_search import settings, trials
from cell_search.cell_space import CellSpace
from cell_search.chart import chart, comparison, scatter
from cell_search.config import Search, used_settings
from cell_search.directory import SearchDirectory
from cell_search.progress import duration
from cell_search.reranking import Candidate, Reranking
from cell_search.results import ranked, reranking_of, versions
from cell_search.style import STYLE
from cells import drawing
from cells.files import write_atomically

_TRAIN_COMMAND = "cell-transfer --mode=train_and_eval --config_file=train.yaml --model_dir=trained"


def write(directory: SearchDirectory, search: Search, study: optuna.Study) -> str:
    """Writes `report.html` from the trials so far.

    Returns:
        Its path.
    """
    path = directory.path / "report.html"
    known = study.get_trials(deepcopy=False)
    again = reranking_of(search, study)
    page = _page(directory.path.resolve().name, search, known, again)
    write_atomically(path, page.encode())
    return str(path)


def _page(
    name: str, search: Search, known: list[FrozenTrial], again: Reranking | None = None
) -> str:
    first = search.objectives[0]
    reward = first.metric
    curve = [(t.number, trials.reward(t)) for t in known if t.state.is_finished()]
    parts = [
        f"<h1>Cell search <q>{escape(name)}</q></h1>",
        f"<p class=lead>{_lead(search)}</p>",
        _tiles(search, known),
        f"<h2>{escape(_title(reward).capitalize())} by trial</h2>",
        chart(curve, reward, maximize=first.maximize),
        _front(search, known),
        _reranking(again),
        f"<h2>The best {'cells' if search.gives_genotypes else 'candidates'}</h2>",
        _ranked(search, ranked(search, known, again), "top"),
        _failures(known),
        _training() if search.trains_winner else "",
        "<h2>Settings</h2>",
        _table(used_settings(search.config).items()),
        "<h2>Versions</h2>",
        _table(versions().items()),
        f"<footer>Written {time.strftime('%Y-%m-%d %H:%M:%S')} by transferable-cells</footer>",
    ]
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        '<meta name=color-scheme content="light dark">'
        f"<title>Cell search {escape(name)}</title><style>{STYLE}</style></head>\n"
        f"<body><main>\n{chr(10).join(parts)}\n</main></body></html>\n"
    )


def _lead(search: Search) -> str:
    config, space = search.config, search.space
    cells = ""
    if isinstance(space, CellSpace):
        cells = f" ({escape(space.rules.source)}), {space.blocks} blocks a cell"
    images = f" on <b>{escape(search.images.name)}</b>" if search.evaluator.uses_images else ""
    return (
        f"{escape(search.space_name)} space{cells}, {len(space.decisions)} decisions, "
        f"{space.size:.1e} points. Strategy <b>{escape(config.strategy.type)}</b>, scored "
        f"by <b>{escape(config.evaluator.type)}</b>{images}."
    )


def _training() -> str:
    return (
        "<h2>How to train the winner</h2>"
        f"<pre>{_TRAIN_COMMAND}</pre>"
        "<p>Run it in the folder of this page; <code>train.yaml</code> names the cells in "
        "<code>genotype.json</code> and the images of this search.</p>"
    )


def _tiles(search: Search, known: list[FrozenTrial]) -> str:
    states = Counter(t.state for t in known)
    reward = search.objectives[0].metric
    best = trials.best(known, search.space, 1, search.objectives[0].sign)
    spent = sum(trials.seconds(t) for t in known)
    finished = sum(t.state.is_finished() for t in known)
    tiles = [
        (f"best {_title(reward)}", _number(best[0].values[0]) if best else "none yet"),
        (
            "trials finished",
            f"{finished} of {search.config.trials}",
        ),
        ("running", str(states[TrialState.RUNNING])),
        ("failed", str(states[TrialState.FAIL])),
        ("spent on candidates", duration(spent)),
    ]
    return (
        "<dl class=tiles>"
        + "".join(
            f"<div><dt>{escape(what)}</dt><dd>{escape(value)}</dd></div>" for what, value in tiles
        )
        + "</dl>"
    )


def _reranking(again: Reranking | None) -> str:
    """The best trained again: old and new scores as points, then as a table in the new order."""
    if again is None:
        return ""
    old, new = _title(again.objective.metric), _title(again.reward)
    points = [(c.trial.number, c.trial.values[0], c.mean) for c in again.scored]
    picture = ""
    if points:
        labels = f"{old} in the search", f"{new} when trained again"
        picture = comparison(points, points[0][0], labels)
    heads = ["", f"new {new}", "± standard error", f"{old} in the search", "place then", "trial"]
    rows = "".join(_reranked_row(rank, c) for rank, c in enumerate(again.candidates, start=1))
    return (
        f"<h2>The best trained again</h2><p>{_foretold(again)}</p>{picture}"
        + "<div class=wide><table><thead><tr>"
        + "".join(f"<th>{escape(head)}</th>" for head in heads)
        + f"</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _foretold(again: Reranking) -> str:
    """How well the cheap scores foretold the dear ones."""
    found = again.correlations()
    said = (
        "The search's scores say nothing of the new order: there are fewer than two candidates, or "
        "one kind of score is the same for all."
        if found["spearman"] is None
        else f"Rank correlation of the search's scores with the new ones over {len(again.scored)} "
        f"candidates: Spearman {found['spearman']:.2f}, Kendall {found['kendall']:.2f} "
        "(1: the same order, 0: no relation)."
    )
    if not again.complete:
        pending = sum(c.pending for c in again.candidates)
        said += f" {pending} trainings are still to come; until then the old order holds."
    return said


def _reranked_row(rank: int, candidate: Candidate) -> str:
    error = candidate.standard_error
    if candidate.values:
        cells = [str(rank), _number(candidate.mean), "" if error is None else _number(error)]
    elif candidate.pending:
        cells = ["", "to come", ""]
    else:
        cells = ["", f"failed: {candidate.failures[-1]}", ""]
    cells += [_number(candidate.trial.values[0]), str(candidate.place)]
    cells.append(str(candidate.trial.number))
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _front(search: Search, known: list[FrozenTrial]) -> str:
    """The first objective against each of the others, and the trials that none dominates."""
    first, *others = search.objectives
    if not others:
        return ""
    successful = [t for t in known if t.state == TrialState.COMPLETE]
    front = trials.front(known, search.space, [o.sign for o in search.objectives])
    numbers = {t.number for t in front}
    parts = [f"<h2>The front: {len(front)} cells that no other is better than in everything</h2>"]
    for i, other in enumerate(others, start=1):
        parts.append(
            scatter(
                [(t.number, t.values[i], t.values[0]) for t in successful],
                numbers,
                (_title(other.metric), _title(first.metric)),
                (other.sign, first.sign),
            )
        )
    return "\n".join([*parts, _ranked(search, front, "front")])


def _ranked(search: Search, rows: list[FrozenTrial], folder: str) -> str:
    """A table of trials with their cells.

    Args:
        search: the search.
        rows: the trials, best first.
        folder: where their genotypes are.
    """
    if not rows:
        return "<p>No trial has succeeded yet.</p>"
    objectives = [o.metric for o in search.objectives]
    metrics = [
        name
        for name in dict.fromkeys(m for t in rows for m in t.user_attrs.get(trials.METRICS, {}))
        if name not in objectives
    ]
    heads = ["", *objectives, "trial", *settings.chosen(rows[0].params), *metrics]
    shown = "".join(
        _ranked_row(f"{folder}/{rank:02}.json", rank, t, search, metrics)
        for rank, t in enumerate(rows, start=1)
    )
    return (
        "<div class=wide><table class=best><thead><tr>"
        + "".join(f"<th>{escape(_title(head))}</th>" for head in heads)
        + f"</tr></thead><tbody>{shown}</tbody></table></div>"
    )


def _ranked_row(
    file: str, rank: int, trial: FrozenTrial, search: Search, metrics: list[str]
) -> str:
    values = trial.user_attrs.get(trials.METRICS, {})
    cells = [_number(values[name]) if name in values else "" for name in metrics]
    searched = map(str, settings.chosen(trial.params).values())
    numbers = [str(rank), *map(_number, trial.values), str(trial.number), *searched, *cells]
    shown = _picture(search, trial) if search.gives_genotypes else _decisions(search, trial)
    what = "cells" if search.gives_genotypes else "decisions"
    return (
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in numbers) + "</tr>"
        f"<tr class=cells><td colspan={len(numbers)}>"
        f"<details{' open' if rank <= 3 else ''}><summary>{what} of trial {trial.number}, "
        f"<code>{file}</code></summary>{shown}</details></td></tr>"
    )


def _decisions(search: Search, trial: FrozenTrial) -> str:
    rows = [(d.name, trial.params[d.name]) for d in search.space.decisions]
    return f"<p><code>{escape(search.space.describe(trial.params))}</code></p>{_table(rows)}"


def _picture(search: Search, trial: FrozenTrial) -> str:
    space = search.space
    key = tuple(trial.params[d.name] for d in space.decisions)
    light, dark = (_drawn(space, key, shade) for shade in (False, True))
    alternative = escape(f"Normal and Reduction cell of trial {trial.number}", quote=True)
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{alternative}"></picture>'
    )


@functools.lru_cache(maxsize=256)
def _drawn(space: Any, key: tuple, dark: bool) -> str:
    """A drawing as a data URL: a picture of its own, whose names meet no others on the page."""
    point = dict(zip((d.name for d in space.decisions), key, strict=True))
    svg = drawing.svg(space.decode(point), dark=dark)
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _failures(known: list[FrozenTrial]) -> str:
    failed = [t for t in known if t.state == TrialState.FAIL]
    if not failed:
        return ""
    reasons: dict[str, list[int]] = {}
    for trial in failed:
        reasons.setdefault(trials.failure(trial), []).append(trial.number)
    rows = "".join(
        f"<tr><td>{len(numbers)}</td><td>{escape(reason)}</td>"
        f"<td>{', '.join(map(str, numbers[:20]))}{' ...' if len(numbers) > 20 else ''}</td></tr>"
        for reason, numbers in sorted(reasons.items(), key=lambda item: -len(item[1]))
    )
    return (
        f"<h2>Failures</h2><div class=wide><table><thead><tr><th>times</th><th>reason</th>"
        f"<th>trials</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _table(rows: Iterable[tuple[str, Any]]) -> str:
    body = "".join(
        f"<tr><th>{escape(str(key))}</th><td>{escape(str(value))}</td></tr>" for key, value in rows
    )
    return f"<table class=settings><tbody>{body}</tbody></table>"


def _title(metric: str) -> str:
    return metric.replace("multiply_adds", "multiply-adds").replace("_", " ")


def _number(value: float) -> str:
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.4f}"
