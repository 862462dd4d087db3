"""What TensorBoard shows of a search: curves, decisions as hyper-parameters, the best cells."""

from __future__ import annotations

import pathlib
import tempfile

from optuna.trial import FrozenTrial

from cell_search.config.search import Search
from cell_search.output.event_files import EventFile
from cell_search.space.space import GenotypeSpace
from cell_search.study import trials
from cells import drawing

#: Each trial with hyper-parameters is a folder; after so many, only new bests get one.
FOLDERS = 1000


class Boards:
    """Writes while the search goes on.

    Args:
        folder: of the search's run; trials are in `trials/` below it.
        search: says what the values of trials are and what is decided.
    """

    def __init__(self, folder: pathlib.Path, search: Search):
        self._folder, self._search = folder, search
        self._run = EventFile(folder)
        self._best: FrozenTrial | None = None
        self._declared = False

    def finished(self, trial: FrozenTrial, best: FrozenTrial | None) -> None:
        """Adds a trial to the curves and to the table of hyper-parameters.

        Args:
            trial: has just finished.
            best: the best by now.
        """
        scalars = {"seconds": trials.seconds(trial)}
        values: dict[str, float] = {}
        if (reward := trials.reward(trial)) is not None:
            others = zip(self._search.objectives[1:], trial.values[1:], strict=True)
            values = {"reward": reward, **{o.metric: value for o, value in others}}
        if best is not None:
            scalars["best reward"] = best.values[0]
        self._run.scalars(scalars | values, trial.number)
        if values and (trial.number < FOLDERS or trial is best):
            self._point(trial, values)
        if trial is best:
            self._best = trial

    def _point(self, trial: FrozenTrial, values: dict[str, float]) -> None:
        if not self._declared:
            self._run.decisions(self._search.space.decisions, "reward")
            self._declared = True
        run = EventFile(self._folder / "trials" / f"{trial.number:06}")
        run.point(trial.params, f"trial {trial.number}")
        run.scalars(values, trial.number)
        run.close()

    def picture(self) -> None:
        """Adds the best cell if there is a better one than in the last picture."""
        space = self._search.space
        if self._best is None or not isinstance(space, GenotypeSpace):
            return
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "best.png"
            drawing.save(space.decode(self._best.params), file)
            self._run.picture("best cell", file.read_bytes(), self._best.number)
        self._best = None

    def close(self) -> None:
        """Adds what is missing and ends the file."""
        self.picture()
        self._run.close()
