"""The best trained again: old and new scores as points, then as a table in the new order."""

from __future__ import annotations

from cell_search.output import charts
from cell_search.selection.reranking import Candidate, Reranking
from cells.support.html import number, row, table, title


def again(found: Reranking | None) -> str:
    """The section on a re-ranking, if there is one."""
    if found is None:
        return ""
    old, new = title(found.objective.metric), title(found.reward)
    points = [(c.trial.number, c.trial.values[0], c.mean) for c in found.scored]
    picture = ""
    if points:
        labels = f"{old} in the search", f"{new} when trained again"
        picture = charts.comparison(points, points[0][0], labels)
    heads = ["", f"new {new}", "± standard error", f"{old} in the search", "place then", "trial"]
    rows = [_row(rank, c) for rank, c in enumerate(found.candidates, start=1)]
    return f"<h2>The best trained again</h2><p>{_foretold(found)}</p>{picture}" + table(
        heads, rows, "again"
    )


def _foretold(found: Reranking) -> str:
    """How well the cheap scores foretold the dear ones."""
    correlations = found.correlations()
    said = (
        "The search's scores say nothing of the new order: there are fewer than two candidates, or "
        "one kind of score is the same for all."
        if correlations["spearman"] is None
        else f"Rank correlation of the search's scores with the new ones over {len(found.scored)} "
        f"candidates: Spearman {correlations['spearman']:.2f}, Kendall "
        f"{correlations['kendall']:.2f} (1: the same order, 0: no relation)."
    )
    if not found.complete:
        pending = sum(c.pending for c in found.candidates)
        said += f" {pending} trainings are still to come; until then the old order holds."
    return said


def _row(rank: int, candidate: Candidate) -> str:
    error = candidate.standard_error
    if candidate.values:
        cells = [str(rank), number(candidate.mean), "" if error is None else number(error)]
    elif candidate.pending:
        cells = ["", "to come", ""]
    else:
        cells = ["", f"failed: {candidate.failures[-1]}", ""]
    cells += [number(candidate.trial.values[0]), str(candidate.place)]
    return row([*cells, str(candidate.trial.number)])
