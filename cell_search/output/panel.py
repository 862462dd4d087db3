"""The panel at the foot of a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.trial import TrialState
from rich.console import Group
from rich.live import Live
from rich.panel import Panel as Box
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from cell_search.output.progress import Progress


class Panel:
    """Shows how far a search is, twice a second, while lines pass above it.

    Args:
        progress: what is shown.
    """

    def __init__(self, progress: Progress):
        self._progress = progress
        self._live = Live(get_renderable=self.render, refresh_per_second=2, transient=True)

    def start(self) -> None:
        """Begins to show it."""
        self._live.start()

    def stop(self) -> None:
        """Gives the terminal back."""
        self._live.stop()

    def print(self, line: str) -> None:
        """A line above the panel.

        Args:
            line: of text.
        """
        self._live.console.print(Text(line), soft_wrap=True)

    def render(self) -> Box:
        """The panel as it is now."""
        from cell_search.output.progress import duration

        p = self._progress
        bar = Table.grid(padding=(0, 1), expand=True)
        bar.add_column(ratio=1)
        bar.add_column(justify="right")
        bar.add_row(
            ProgressBar(total=p.total, completed=p.done), f"{p.done:,} of {p.total:,} trials"
        )
        counts = [
            f"{p.running:,} running",
            f"{p.states[TrialState.FAIL]:,} failed",
            f"{p.states[TrialState.PRUNED]:,} pruned",
        ]
        pace = []
        if p.pace:
            pace = [_rate(p.pace), f"{duration((p.total - p.done) * p.pace)} left"]
        return Box(Group(bar, Text("   ".join([*counts, *pace])), Text(p.best_so_far)))


def _rate(pace: float) -> str:
    """Such as `12.4 trials a minute`."""
    unit, length = next(
        (u, s)
        for u, s in (("second", 1.0), ("minute", 60.0), ("hour", 3600.0))
        if s / pace >= 1 or u == "hour"
    )
    return f"{length / pace:,.1f} trials a {unit}"
