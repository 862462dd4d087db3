"""How the time is divided among the steps, and how much of it is gone.

The rule: ten minutes belong to the training; three tenths of what a budget has beyond them search
cells. A search of less than three minutes is none: below 20 minutes nothing is searched. For test,
export and report as much is kept back as they take; race and training get all that remains, so what
an earlier step takes too much or leaves over, the training loses or gains.
"""

from __future__ import annotations

import contextlib
import math
import pathlib
import re
import threading
import time
from collections.abc import Iterator

from cells.support import json_file
from cells.support.errors import UserError
from cells.support.files import write_json

#: Seconds that belong to the training; the share of the others that searches; seconds of a search,
#: at least.
ALONE, SEARCH, LEAST_SEARCH = 600.0, 0.3, 180.0

#: Seconds of a search that is asked for and has to measure costs, for half of them at most; what a
#: search leaves to the steps behind it.
MEASURING_SEARCH, BEHIND_SEARCH = 120.0, 150.0

#: What is kept back for the steps behind the training before it is known what they take: a share of
#: the budget, at least so many seconds, at most another share.
FINISH, FINISH_SECONDS, FINISH_MOST = 0.05, 40.0, 0.25

#: Seconds, of a budget.
LEAST, MOST = 30.0, 30.0 * 86400

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}

#: Seconds between two notes of the time that is gone: a killed process loses no more.
_BEAT = 2.0


def seconds_of(text: str) -> float:
    """Seconds of a budget such as `30m`, `1.5h` or `1h30m`.

    Raises:
        UserError: it is no such text, or nothing could be done in so short a time, or the time is
            longer than a month.
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)([dhms])", text.strip().lower())
    if not parts or "".join(map("".join, parts)) != text.strip().lower():
        raise UserError(f"--budget: {text!r} is not a duration; write one such as 30m, 2h or 1h30m")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if not LEAST <= seconds <= MOST:
        raise UserError(
            f"--budget: {text} is {'too short' if seconds < LEAST else 'too long'}; give at least "
            f"{LEAST:.0f}s and at most {MOST / 86400:.0f}d"
        )
    return seconds


def search_of(total: float) -> float:
    """The share of a budget of so many seconds that searches cells; 0: nothing is searched."""
    seconds = SEARCH * (total - ALONE)
    return seconds / total if seconds >= LEAST_SEARCH else 0.0


def require_search(total: float, search: float, measures: bool) -> None:
    """Refuses a search that has no time, or leaves none to the others.

    Args:
        total: seconds of the budget.
        search: the share of it that is asked for.
        measures: whether costs have to be measured first.

    Raises:
        UserError: says which shares there may be.
    """
    least = MEASURING_SEARCH if measures else 0.0
    if least <= search * total <= total - BEHIND_SEARCH:
        return
    needs = f"what follows a search needs {BEHIND_SEARCH:.0f} s"
    if measures:
        needs = (
            f"a search before which the costs of this machine are measured needs {least:.0f} s, "
            f"and what follows {BEHIND_SEARCH:.0f} s"
        )
    # Rounded inwards.
    low, high = math.ceil(100 * least / total), math.floor(100 * (1 - BEHIND_SEARCH / total))
    if low > high:
        remedy = f"a --budget of {math.ceil((least + BEHIND_SEARCH) / 60)}m or more"
    else:
        remedy = f"{low / 100:g} to {high / 100:g}" if measures else f"at most {high / 100:g}"
    raise UserError(
        f"--search: {search:g} of a budget of {total:g} s is {search * total:.0f} s, but {needs}; "
        f"give {remedy}, or --search=0 to search nothing"
    )


class Budget:
    """The time of all steps, over all runs of the command.

    Args:
        total: seconds.
        file: where the time that is gone is noted.
        search: the share that searches cells.
        began: when this run began, by `time.monotonic`, where its first step has the time since
            then, in which libraries are loaded.

    Attributes:
        total: seconds.
        searching: seconds that the rule gives to the search.
        kept_back: seconds for the steps behind the training.

    Raises:
        UserError: the file is damaged.
    """

    def __init__(
        self, total: float, file: pathlib.Path, search: float = 0.0, began: float | None = None
    ):
        self.total, self.searching = total, search * total
        self._file, self._start = file, began
        self.kept_back = min(max(FINISH * total, FINISH_SECONDS), FINISH_MOST * total)
        self._before: dict[str, float] = {}
        self._step, self._began = "", 0.0
        if file.exists():
            try:
                noted = json_file.loads(file.read_bytes(), "note")
                self._before = {str(step): float(seconds) for step, seconds in noted.items()}
            except (OSError, UserError, ValueError, TypeError, AttributeError) as error:
                raise UserError(f"{file}: is damaged ({error}); delete it") from None

    @property
    def spent(self) -> dict[str, float]:
        """Seconds that each step took so far."""
        spent = dict(self._before)
        if self._step:
            spent[self._step] = spent.get(self._step, 0.0) + time.monotonic() - self._began
        return spent

    def left(self, step: str) -> float:
        """Seconds that a step may still take by the rule; negative where they are gone.

        Args:
            step: the search, or another one.
        """
        spent = self.spent
        if step == "search":
            return self.searching - spent.get(step, 0.0)
        return self.total - self.kept_back - sum(spent.values())

    @contextlib.contextmanager
    def during(self, step: str) -> Iterator[None]:
        """Notes the time of a `with` block as that of a step, also while it lasts."""
        self._step, self._began = step, self._start or time.monotonic()
        self._start = None
        over = threading.Event()

        def beat() -> None:
            while not over.wait(_BEAT):
                # What is wrong with the disk, the step's own files will say.
                with contextlib.suppress(UserError):
                    self._note(self.spent)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self._before, self._step = self.spent, ""
            self._note(self._before)

    def _note(self, spent: dict[str, float]) -> None:
        rounded = {step: round(seconds, 2) for step, seconds in spent.items()}
        write_json(self._file, rounded)


def more(done: int, least: int, cost: float, left: float) -> int:
    """How many of something there shall be after the next round; `done` where no more fit.

    Args:
        done: how many there are.
        least: how many there must be.
        cost: seconds of one of those.
        left: seconds that are left.

    Returns:
        At least `least`. A round takes half of those that fit: how long they last is a guess.
    """
    if done < least:
        return least
    fit = int(max(left, 0.0) / max(cost, 1e-3))
    return done + (fit + 1) // 2
