"""The page: its parts in their order."""

from __future__ import annotations

import re
from collections import Counter
from html import escape

import optuna
from optuna.trial import FrozenTrial, TrialState

from cell_search.config.comparison import used_settings
from cell_search.config.search import Search
from cell_search.output import charts
from cell_search.output.progress import duration
from cell_search.output.report._again import again as reranked
from cell_search.output.report._best import front, noun, ranked
from cell_search.output.report._operations import operations
from cell_search.output.report._pictures import Pictures
from cell_search.output.report._sieve import of_sieve
from cell_search.output.report._workers import utilisation, workers, workers_of
from cell_search.output.results import ranked as best_of
from cell_search.output.results import reranking_of, versions
from cell_search.selection import sieve
from cell_search.selection.reranking import Reranking
from cell_search.selection.sieve import Sieved
from cell_search.space.space import GenotypeSpace
from cell_search.study import trials
from cell_search.study.directory import SearchDirectory
from cells.support import html
from cells.support.errors import listed
from cells.support.files import write_atomically
from cells.support.html import number, pairs, row, table, title

_TRAIN_COMMAND = "cell-transfer --mode=train_and_eval --config_file=train.yaml --model_dir=trained"

#: A page of a search that is not finished loads itself anew after so many seconds.
_REFRESH = 60


def write(
    directory: SearchDirectory, search: Search, study: optuna.Study, drawings: int | None = None
) -> str:
    """Writes `report.html` from the trials so far.

    Args:
        directory: where to.
        search: what the trials are of.
        study: holds them.
        drawings: so many cells are drawn at most that no earlier page of this process shows; None:
            no limit.

    Returns:
        Its path.
    """
    path = directory.path / "report.html"
    known = study.get_trials(deepcopy=False)
    again = reranking_of(search, study)
    sieved = sieve.read(search, study)
    page = _page(directory.path.resolve().name, search, known, sieved, again, Pictures(drawings))
    write_atomically(path, page.encode())
    return str(path)


_NUMBER = re.compile(r"\d+(\.\d+)?(e[-+]?\d+)?")

#: A trial that was stopped early has a value of another kind.
_DRAWN = (TrialState.COMPLETE, TrialState.FAIL)


def _page(
    name: str,
    search: Search,
    known: list[FrozenTrial],
    sieved: Sieved | None,
    again: Reranking | None,
    pictures: Pictures,
) -> str:
    first = search.objectives[0]
    curve = [(t.number, trials.reward(t)) for t in known if t.state in _DRAWN]
    parts = [
        f"<h1>Cell search <q>{escape(name)}</q></h1>",
        f"<p class=lead>{_lead(search)}</p>",
        _tiles(search, known),
        f"<h2>{escape(title(first.metric).capitalize())} by trial</h2>",
        charts.curve(curve, title(first.metric), maximize=first.maximize),
        front(search, known, pictures),
        of_sieve(search, sieved),
        reranked(again),
        f"<h2>The best {noun(search)}</h2>",
        ranked(search, best_of(search, known, again), "top", pictures),
        operations(known, search.space),
        workers(known),
        _failures(known),
        _training() if search.trains_winner else "",
        html.folded("Settings", pairs(used_settings(search.config).items())),
        html.folded("Versions", pairs(versions().items())),
    ]
    unfinished = len(curve) < search.config.trials
    return html.page(f"Cell search {name}", parts, refresh=_REFRESH if unfinished else 0)


def _lead(search: Search) -> str:
    config, space = search.config, search.space
    cells = ""
    if isinstance(space, GenotypeSpace):
        cells = f" ({escape(space.source)})" + (f", {space.extent}" if space.extent else "")
    images = f" on <b>{escape(search.images.name)}</b>" if search.evaluator.uses_images else ""
    return (
        f"{escape(search.space_name)} space{cells}, {len(space.decisions)} decisions, "
        f"{_many(space.size)} points. Strategy <b>{escape(config.strategy.type)}</b>, scored "
        f"by <b>{escape(config.evaluator.type)}</b>{images}."
    )


def _many(count: int) -> str:
    """Such as 18,688 or 4.9·10²⁰."""
    if count < 10_000_000:
        return f"{count:,}"
    digits, power = f"{count:.1e}".split("e+")
    return f"{digits}·10<sup>{int(power)}</sup>"


def _training() -> str:
    return (
        "<h2>How to train the winner</h2>"
        f"<pre>{_TRAIN_COMMAND}</pre>"
        "<p>Run it in the folder of this page; <code>train.yaml</code> names what is in "
        "<code>genotype.json</code>, and the images of this search.</p>"
    )


def _tiles(search: Search, known: list[FrozenTrial]) -> str:
    states = Counter(t.state for t in known)
    first = search.objectives[0]
    best = trials.best(known, search.space, 1, first.sign)
    spent = sum(trials.seconds(t) for t in known)
    finished = sum(t.state.is_finished() for t in known)
    found = workers_of(known)
    facts = [
        (f"best {title(first.metric)}", number(best[0].values[0]) if best else "none yet"),
        ("trials finished", f"{finished:,} of {search.config.trials:,}"),
        ("running", f"{states[TrialState.RUNNING]:,}"),
        ("failed", f"{states[TrialState.FAIL]:,}"),
        ("pruned", f"{states[TrialState.PRUNED]:,}"),
        ("spent on candidates", duration(spent)),
        ("workers", f"{len(found):,}, {utilisation(found):.0%} busy" if found else "none yet"),
    ]
    return html.tiles(facts)


def _failures(known: list[FrozenTrial]) -> str:
    # Reasons that differ in numbers only (of a step, of a second) are one.
    alike: dict[str, list[FrozenTrial]] = {}
    for trial in known:
        if trial.state == TrialState.FAIL:
            alike.setdefault(_NUMBER.sub("0", trials.failure(trial)), []).append(trial)
    if not alike:
        return ""
    rows = []
    for failed in sorted(alike.values(), key=lambda failed: -len(failed)):
        reasons = list(dict.fromkeys(map(trials.failure, failed)))
        more = " (and alike)" if len(reasons) > 1 else ""
        numbers = listed((trial.number for trial in failed), 20)
        rows.append(row([str(len(failed)), reasons[0] + more, numbers]))
    return f"<h2>Failures</h2>{table(['times', 'reason', 'trials'], rows, 'failures')}"
