"""Optuna's own samplers as strategies, by name: `optuna:TPESampler`, ..."""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
import warnings
from typing import Any, ClassVar

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from cell_search.space.space import Point
from cell_search.strategies._base import STRATEGIES, Strategy
from cells.support.errors import UserError

#: The largest space that a grid lists point by point.
_GRID = 100_000


class OptunaSampler(Strategy):
    """One of Optuna's samplers, asked on a study in memory that holds what has been learned.

    For each proposal a sampler is made anew, with a seed drawn for it: so a search goes on from
    its history as it would have, which Optuna's samplers by themselves do not, since their
    generators begin again. What was proposed and has no result is a running trial there, also
    when it has failed; a point that has a result does not run again. The cost of a proposal
    grows with the number of trials.

    Its settings are the sampler's arguments where they are numbers, truth values or text.

    Raises:
        UserError: an argument is impossible, or something that the sampler needs is missing.
    """

    SAMPLER: ClassVar[str]
    several_objectives = True

    def _prepare(self) -> None:
        if self.SAMPLER == "GPSampler" and importlib.util.find_spec("torch") is None:
            raise UserError(
                f"{self._where}: GPSampler needs PyTorch, which is not installed; pip install "
                "'transferable-cells[torch]'"
            )
        if self.SAMPLER == "GridSampler" and self.space.size > _GRID:
            raise UserError(
                f"{self._where}: a grid of {self.space.size:.1e} points is too large to list; use "
                "optuna:BruteForceSampler, which lists nothing"
            )
        try:
            #: Never asked: what it knows of the space is noted in trials.
            self._template: Any = self._make(0)
        except (TypeError, ValueError) as error:
            raise UserError(f"{self._where}: {' '.join(str(error).split())}") from None

    def _make(self, seed: int) -> optuna.samplers.BaseSampler:
        sampler = getattr(optuna.samplers, self.SAMPLER)
        arguments = dict(vars(self.settings))
        if self.SAMPLER == "GridSampler":
            arguments["search_space"] = {d.name: list(d.choices) for d in self.space.decisions}
            seed = self._seed  # it shuffles the grid, whose points have numbers
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return sampler(seed=seed, **arguments)

    def reset(self) -> None:
        self._known: list[FrozenTrial] = []
        self._learned: set[tuple[int, ...]] = set()
        self._met: dict[tuple[int, ...], FrozenTrial] = {}
        self._objectives = 1

    def observe(self, point: Point) -> None:
        place = tuple(self.space.indices(point))
        if place not in self._met:
            self._met[place] = self._trial(point, TrialState.RUNNING)

    def learn(self, point: Point, reward: Any) -> None:
        values = list(reward) if isinstance(reward, tuple) else [reward]
        self._objectives = len(values)
        self._learned.add(tuple(self.space.indices(point)))
        self._known.append(self._trial(point, TrialState.COMPLETE, values))

    def propose(self, rng: np.random.Generator) -> Point:
        sampler = self._make(int(rng.integers(2**31)))
        study = _quiet_study(self._objectives, sampler)
        # Sorted, since the order in which points were met is forgotten in a restart.
        running = [
            t
            for place, t in sorted(self._met.items(), key=lambda item: item[0])
            if place not in self._learned
        ]
        study.add_trials([*self._known, *running])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            asked = study.ask(dict(self.space.distributions)).params
        return {d.name: asked[d.name] for d in self.space.decisions}

    def _trial(
        self, point: Point, state: TrialState, values: list[float] | None = None
    ) -> FrozenTrial:
        """A trial with the notes that the sampler would have made when it proposed it."""
        notes: dict[str, Any] = {}
        template = self._template
        if isinstance(template, optuna.samplers.BaseGASampler):
            generation = len(self._known) // template.population_size
            notes[template._get_generation_key()] = generation
        if self.SAMPLER == "GridSampler":
            row = tuple(point[name] for name in template._param_names)
            notes["grid_id"] = template._all_grids.index(row)
            notes["search_space"] = template._search_space
        return create_trial(
            state=state,
            values=values,
            params=point,
            distributions=dict(self.space.distributions),
            system_attrs=notes,
        )


def _quiet_study(objectives: int, sampler: optuna.samplers.BaseSampler) -> optuna.Study:
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        return optuna.create_study(directions=["maximize"] * objectives, sampler=sampler)
    finally:
        optuna.logging.set_verbosity(verbosity)


#: Samplers that cannot decide between categories, and why.
_REFUSED = {
    "CmaEsSampler": "takes numbers only and would draw every category at random",
    "QMCSampler": "takes numbers only and would draw every category at random",
    "PartialFixedSampler": "needs another sampler inside it",
    "BaseGASampler": "is the base of others",
    "BaseSampler": "is the base of others",
}

_SIMPLE = {"int", "float", "bool", "str", "None"}


def _register() -> None:
    """Registers every sampler that Optuna has, with those arguments that a file can hold."""
    for name in sorted(optuna.samplers.__all__):
        if not name.endswith("Sampler"):
            continue
        if name in _REFUSED:
            STRATEGIES.refuse(f"optuna:{name}", f"Optuna's {name} {_REFUSED[name]}")
            continue
        arguments = [
            (p.name, str(p.annotation), p.default)
            for p in inspect.signature(getattr(optuna.samplers, name)).parameters.values()
            if p.name != "seed"
            and p.default is not p.empty
            and set(str(p.annotation).split(" | ")) <= _SIMPLE
        ]
        settings = dataclasses.make_dataclass(f"{name}Settings", arguments, frozen=True)
        settings.__module__, settings.__qualname__ = __name__, f"{name}.Settings"
        names = {"SAMPLER": name, "Settings": settings, "__module__": __name__}
        # Found by their names here, so that they can be pickled.
        strategy = globals()[name] = type(name, (OptunaSampler,), names)
        STRATEGIES.register(f"optuna:{name}")(strategy)


_register()
