"""What is seen of a run: what each step does, and how far it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from auto.budget import Budget
from cell_search.output.progress import duration

#: What each step does.
STEPS = {
    "images": "divides the folder into images that train and images that test",
    "search": "trains candidates for equally long, to find cells that suit these images",
    "race": "networks (of N cells in a group and F channels at first) train for equally long, the "
    "worse half leaves, the others train on",
    "training": "the winner trains on, with all images, until the time is over",
    "test": "measures the accuracy on images that no step before saw",
    "export": "writes the classifier's files, and compares what they say with the training's",
}

#: Seconds from one line of a log to the next, at least; of a long budget, such a part of it.
EVERY, PART = 10.0, 0.02


class Screen:
    """One line that is written over on a terminal; elsewhere a line every so often.

    Args:
        budget: whose time is left. That is all the time left that is told, so what waits for a
            compiler or a busy machine cannot make it wrong.
        searches: whether the run has a search.
    """

    def __init__(self, budget: Budget, searches: bool):
        self._budget = budget
        self._steps = [step for step in STEPS if searches or step != "search"]
        self._text, self._told, self._live = "", 0.0, False

    @contextmanager
    def during(self, step: str) -> Iterator[None]:
        """Says what a step does, and how far it is in the `with` block."""
        place = f"{self._steps.index(step) + 1} of {len(self._steps)}"
        print(f"{step}: {STEPS[step]} (step {place}; {self._left})", flush=True)
        self._text, self._told = step, time.monotonic()
        # A search has a panel of its own.
        self._live = sys.stdout.isatty() and step != "search"
        if not self._live:
            yield
            return
        from rich.live import Live
        from rich.text import Text

        def line() -> Text:
            # The time first, since a narrow terminal cuts the end.
            return Text(f"  {self._left}: {self._text}", no_wrap=True, overflow="ellipsis")

        with Live(get_renderable=line, refresh_per_second=2, transient=True):
            yield

    def now(self, text: str) -> None:
        """Says how far the step is.

        Args:
            text: such as `step 20 of 300`.
        """
        self._text = text
        if not self._live and time.monotonic() - self._told >= max(
            EVERY, PART * self._budget.total
        ):
            self._told = time.monotonic()
            print(f"  {text}; {self._left}", flush=True)

    @property
    def _left(self) -> str:
        left = self._budget.total - sum(self._budget.spent.values())
        return f"{duration(left)} left" if left >= 0 else f"{duration(-left)} over the budget"


def outcome(step: str, found: dict[str, Any]) -> str:
    """What came of a step, by its result."""
    if step == "images":
        return f"{found['training']:,} to train, {found['testing']:,} to test"
    if step == "search":
        best = found["accuracy"]
        if not found["trials"]:
            return (
                "no candidates, since half of its time is too little to measure what networks "
                "cost on this machine; cell-search --mode=costs makes a table for CELLS_COSTS"
            )
        said = ", all of which failed" if best is None else f", the best {best:.1%}"
        many = "s" if found["trials"] > 1 else ""
        return f"{found['trials']} candidate{many}{said}"
    if step == "race":
        won = "won" if found["rungs"] else "trains on: there is no time to compare them"
        return f"{len(found['entrants'])} networks; {found['winner']} {won}"
    if step == "training":
        more = found["steps"] - found["of_race"]
        return f"{more:,} steps of {found['batch']} images, after {found['of_race']:,} of the race"
    if step == "test":
        return f"accuracy {found['accuracy']:.1%}"
    if step == "export":
        return ", ".join(file["file"] for file in found["files"].values())
    return ""
