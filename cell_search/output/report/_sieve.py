"""The sieve: what was scored cheaply, and how well that foretold the rewards of what was kept."""

from __future__ import annotations

from html import escape

from cell_search.config.search import Search
from cell_search.output import charts
from cell_search.selection.reranking import rank_correlations
from cell_search.selection.sieve import Sieved
from cells.support.html import title


def of_sieve(search: Search, found: Sieved | None) -> str:
    """The section on the sieve, if there is one."""
    if found is None:
        return ""
    # As it is and not as it is ordered by, where smaller is better.
    turned = -1.0 if found.label.startswith("-") else 1.0
    better = " (smaller is better)" if turned < 0 else ""
    label = title(found.label.removeprefix("-"))
    failed = f" ({found.failed} could not be)" if found.failed else ""
    said = (
        f"{found.candidates} candidates were scored by <b>{escape(label)}</b>{better}{failed}; "
        f"the best {search.config.sieve.keep} are the first trials."
    )
    if not found.trained:
        return f"<h2>The sieve</h2><p>{said}</p>"
    reward, sign = title(search.objectives[0].metric), search.objectives[0].sign
    scores = [score for _, score, _ in found.trained]
    ranks = rank_correlations(scores, [sign * value for _, _, value in found.trained])
    if ranks["spearman"] is not None:
        said += (
            f" Rank correlation of that score with the {escape(reward)} of the {len(scores)} that "
            f"are trained so far: Spearman {ranks['spearman']:.2f}, Kendall "
            f"{ranks['kendall']:.2f}. They are the best of the sieve and so alike, which makes "
            "both smaller than over all candidates."
        )
    winner = max(found.trained, key=lambda row: sign * row[2])[0]
    points = [(number, turned * score, value) for number, score, value in found.trained]
    labels = f"{label} in the sieve{better}", reward
    return f"<h2>The sieve</h2><p>{said}</p>{charts.comparison(points, winner, labels)}"
