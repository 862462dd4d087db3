"""What the workers did: how many were busy at a time, and what each of them scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from cell_search.output import charts
from cell_search.output.progress import duration
from cell_search.study.work import work_of
from cells.support.html import row, table

#: Stretches of time on the chart; rows of the table at most.
_STRETCHES, _ROWS = 200, 64


@dataclass
class Worker:
    """What one worker did. Times in seconds; of day, where they say when.

    Attributes:
        name: host and process.
        began: its first candidate.
        ended: its last one.
        busy: with all of them.
        count: how many.
        failed: how many of these failed.
    """

    name: str
    began: float
    ended: float
    busy: float = 0.0
    count: int = 0
    failed: int = 0

    @property
    def utilisation(self) -> float:
        """The share of the time from its first to its last candidate that it was busy."""
        return min(self.busy / (self.ended - self.began), 1.0) if self.busy else 0.0


def workers_of(known: Sequence[FrozenTrial]) -> list[Worker]:
    """The workers that returned results, in the order in which they began."""
    found: dict[str, Worker] = {}
    for trial in known:
        if (work := work_of(trial)) is None:
            continue
        worker = found.setdefault(work.worker, Worker(work.worker, work.began, work.ended))
        worker.began, worker.ended = min(worker.began, work.began), max(worker.ended, work.ended)
        worker.busy += work.ended - work.began
        worker.count += 1
        worker.failed += trial.state == TrialState.FAIL
    return sorted(found.values(), key=lambda worker: worker.began)


def levels(spans: np.ndarray, stretches: int = _STRETCHES) -> np.ndarray:
    """How many candidates were under evaluation, on average, in equal stretches of time.

    Args:
        spans: float64, (candidates, 2): begin and end of each.
        stretches: from the first begin to the last end.
    """
    edges = np.linspace(spans.min(), spans.max(), stretches + 1)

    def until(times: np.ndarray) -> np.ndarray:
        """The sum over `times` of how much later each edge is, those later than it left out."""
        times = np.sort(times)
        count = np.searchsorted(times, edges)
        return count * edges - np.concatenate([[0.0], np.cumsum(times)])[count]

    busy = np.diff(until(spans[:, 0]) - until(spans[:, 1]))
    return busy / np.diff(edges)


def workers(known: Sequence[FrozenTrial]) -> str:
    """The section of the page; nothing before the first result."""
    done = [work for t in known if (work := work_of(t)) is not None]
    if not done:
        return ""
    spans = np.array([(work.began, work.ended) for work in done])
    spans -= spans.min()
    found = workers_of(known)
    picture = ""
    if len(found) > 1 and spans.max() > 0:  # Of one worker it would be a level line.
        picture = charts.busy(levels(spans).tolist(), spans.max())
        picture += "<p class=legend><span class=line></span>busy workers</p>"
    heads = ["worker", "candidates", "failed", "busy", "of its time"]
    rows = [
        row([w.name, str(w.count), str(w.failed), duration(w.busy), f"{w.utilisation:.1%}"])
        for w in found[-_ROWS:]
    ]
    left = "" if len(found) <= _ROWS else f" (the last {_ROWS} of {len(found)})"
    return (
        f"<h2>Workers</h2><p class=lead>{_said(found)}</p>{picture}"
        f"<details><summary>each worker{left}</summary>{table(heads, rows)}</details>"
    )


def _said(found: list[Worker]) -> str:
    share = f"busy {utilisation(found):.1%} of the time between"
    if len(found) == 1:
        return f"1 worker was {share} its first and its last candidate."
    return f"{len(found):,} workers were {share} the first and the last candidate of each."


def utilisation(found: Sequence[Worker]) -> float:
    """The share of all workers' time, from the first to the last candidate of each."""
    time = sum(w.ended - w.began for w in found)
    return min(sum(w.busy for w in found) / time, 1.0) if time > 0 else 0.0
