"""What all strategies share: the history of a study, folded trial by trial; proposals from it."""

from __future__ import annotations

import abc
import functools
import math
import threading
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from cell_search.space.space import Point, Space
from cell_search.strategies._history import History, note_parent, note_proposal, trial_of
from cell_search.strategies._listed import Listed
from cell_search.trial_keys import AFTER, ATTEMPT, FINAL, NEWS, NEXT, REJECTED
from cells.support.errors import UserError
from cells.support.registry import Registry
from cells.support.settings import check

#: Strategies by name; `Settings` of each is what a configuration can say.
STRATEGIES: Registry[type[Strategy]] = Registry("strategy.type")


#: Of individuals, draws, results, epochs; of a hidden layer: beyond what a computer can have.
MAX_COUNT, MAX_UNITS = 1_000_000, 10_000


@dataclass(frozen=True)
class NoSettings:
    """Nothing can be set."""


class OneObjective(UserError, ValueError):
    """A study has several objectives; a ValueError, as Optuna's own samplers raise."""


class Strategy(optuna.samplers.BaseSampler):
    """A search strategy, and a sampler of any Optuna study with categorical parameters.

    A subclass says what it learns from a trial (`learn`) and what it proposes (`propose`). All
    that it knows must come from `observe` and `learn`, and all randomness from the generator that
    `propose` is given. Then a fresh sampler on a study with a history continues exactly as the
    old one would have: nothing but the study needs to be kept.

    In a conditional study a trial may end without some of the decisions: nothing depended on them
    there, so the first choice of each stands for them. A trial that made none of them teaches
    nothing.

    Args:
        space: a `Space`, or categorical distributions by name (decisions without kinds).
        seed: of all proposals; None draws one.
        **settings: the fields of `Settings`.

    Attributes:
        Settings: a frozen dataclass of what can be set, with defaults and bounds.
        settings: those of this strategy.
        several_objectives: whether a study may have several objectives.

    Raises:
        UserError: a distribution is not categorical.

    Example:
        >>> class First(cell_search.Strategy):
        ...     def propose(self, rng):
        ...         return {d.name: d.choices[0] for d in self.space.decisions}
        >>> import optuna
        >>> choices = {"layer": optuna.distributions.CategoricalDistribution(["conv", "pool"])}
        >>> First(choices).propose(None)
        {'layer': 'conv'}
    """

    Settings: ClassVar[type[Any]] = NoSettings
    settings: Any

    several_objectives: ClassVar[bool] = False

    #: Whether cells should be able to grow in the space, see `CellSpace`.
    growing: ClassVar[bool] = False

    #: The only points that may be proposed; None where all points of the space may be.
    listed: Listed | None = None

    #: Whether its proposals descend from trials, as those of a space of graphs must.
    descends: ClassVar[bool] = False

    #: Whether it proposes what evaluations lead to, and nothing of its own.
    follows: ClassVar[bool] = False

    #: Known in `learn`: how many trials have finished, failed ones and this one included.
    finished: int = 0

    #: Known in `learn`: the number of the trial; None where there is no study.
    number: int | None = None

    #: Known in `learn`: how many had finished when this one was proposed; None if nobody noted it.
    proposed_after: int | None = None

    #: Known in `learn`: the decisions that the evaluation leads to; None if it says nothing.
    proposal: Mapping[str, Any] | None = None

    def __init__(
        self,
        space: Space | Mapping[str, BaseDistribution],
        *,
        seed: int | None = 0,
        **settings: Any,
    ):
        self.space = Space.of(space)
        self.settings = self.Settings(**settings)
        check(self.settings, f"{self._where}.")
        self._seed = _drawn_seed() if seed is None else seed
        self._first_choices = {d.name: d.choices[0] for d in self.space.decisions}
        self._names = frozenset(self._first_choices)
        self._lock = threading.Lock()
        self._history: History | None = None
        self._prepare()
        self.reset()

    @property
    def _where(self) -> str:
        """The section of a configuration that holds its settings, as errors call it."""
        name = STRATEGIES.name_of(type(self)) or type(self).__name__
        return f"strategy.{name.replace(':', '_')}"

    def _prepare(self) -> None:
        """Checks settings by each other, and sets up what outlives `reset`; called once."""

    def reset(self) -> None:
        """Forgets everything: another study begins."""

    def observe(self, point: Point) -> None:
        """Takes note of a point that was proposed, whatever becomes of it.

        Args:
            point: a choice for each decision, by name.
        """

    def reject(self, point: Point) -> None:
        """Takes note of a proposal that will not be evaluated, so that another is wanted.

        It counts as met: whoever goes through points one by one goes on to the next.

        Args:
            point: a choice for each decision, by name.
        """
        self.observe(point)

    def learn(self, point: Point, reward: Any) -> None:
        """Takes a result into account; called in the order in which the trials finished.

        Args:
            point: the decisions.
            reward: finite; larger is better. In a study with several objectives, which only a
                class with `several_objectives` meets, a tuple with one such number for each.
        """

    @abc.abstractmethod
    def propose(self, rng: np.random.Generator) -> Point:
        """The next point.

        Args:
            rng: made from the seed, the number of the trial, and how many proposals for it were
                rejected.
        """

    def another(self, number: int) -> Point:
        """A further draw of what was proposed for a trial, independent of it: along which weights
        that all candidates share are trained.

        Args:
            number: of the trial.
        """
        return self.propose(np.random.default_rng([self._seed, number, 0, 1]))

    def choose(self, rows: np.ndarray, rng: np.random.Generator) -> Point:
        """The next point where only some may be proposed: here one of the nearest to what is
        proposed without that limit, by what models see of them.

        Args:
            rows: int `(n, decisions)`, `Space.indices` of the points that have not been tried.
            rng: as of `propose`.
        """
        wanted = self.space.encoding(np.array([self.space.indices(self.propose(rng))]))
        away = np.abs(self.space.encoding(rows) - wanted).sum(axis=1)
        nearest = rows[away == away.min()]
        return self.space.from_indices(nearest[rng.integers(len(nearest))].tolist())

    def parent(self, point: Point) -> int | None:
        """The trial whose weights the child that was just proposed may start from; None where
        it should start from new ones.

        Args:
            point: a choice for each decision, by name.
        """
        return None

    def disposable_trials(self) -> Collection[int]:
        """The trials that no child will start from again, so that their weights can go."""
        return ()

    # The sampler's side.

    def __getstate__(self) -> dict[str, Any]:
        # The history is read again: it belongs to a study, and to a storage that may be elsewhere.
        return {**vars(self), "_lock": None, "_history": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def reseed_rng(self) -> None:
        """Draws another seed, as Optuna asks of the samplers of several threads."""
        with self._lock:
            self._seed, self._history = _drawn_seed(), None

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return dict(self.space.distributions)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        self._require_objectives(study)
        with self._lock:
            if self._history is None or not self._history.is_of(study):
                self._history = History(study)
                self.space.follow(functools.partial(trial_of, study))
                self.finished, self.number = 0, None
                self.reset()
                if self.listed is not None:
                    self.listed.reset()
            signs = [
                1.0 if direction == optuna.study.StudyDirection.MAXIMIZE else -1.0
                for direction in study.directions
            ]
            for known in self._history.news(trial.number, trial.system_attrs.get(NEWS)):
                self._take(known, signs)
            note_proposal(study, trial, self.finished)
            attempt = trial.user_attrs.get(ATTEMPT, 0)
            rng = np.random.default_rng([self._seed, trial.number, attempt])
            listed = self.listed
            point = self.propose(rng) if listed is None else self.choose(listed.untried(), rng)
            point = self.space.at(point, trial.number)
            note_parent(study, trial, self.parent(point))
            # Of a study that fixes some of them, the others are wanted.
            return {name: value for name, value in point.items() if name in search_space}

    def _require_objectives(self, study: optuna.Study) -> None:
        if len(study.directions) > 1 and not self.several_objectives:
            raise OneObjective(
                f"{type(self).__name__} takes one objective, but this study has "
                f"{len(study.directions)}"
            )

    def _take(self, trial: FrozenTrial, signs: list[float]) -> None:
        others = None
        if trial.state == TrialState.COMPLETE and not self._names.isdisjoint(trial.params):
            others = self._first_choices
        point = self.space.point(trial, others)
        self.finished += trial.state.is_finished()
        if point is None:
            return
        for indices in trial.user_attrs.get(REJECTED, ()):
            self.reject(self.space.from_indices(indices))
        self.observe(point)
        if self.listed is not None:
            self.listed.take(self.space.indices(point))
        # Of a trial that was stopped early, what it had reached by then.
        scored = trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
        # Final ones are drawn from what was learned, and change it no more.
        scored = scored and FINAL not in trial.user_attrs
        if scored and trial.values and all(map(math.isfinite, trial.values)):
            rewards = tuple(s * v for s, v in zip(signs, trial.values, strict=True))
            self.proposed_after = trial.system_attrs.get(AFTER)
            self.number, self.proposal = trial.number, trial.user_attrs.get(NEXT)
            self.learn(point, rewards if len(rewards) > 1 else rewards[0])

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """What is not in the space is drawn at random, from the seed, the trial and the name.

        Args:
            study: of the trial.
            trial: that is proposed.
            param_name: of a parameter that the space does not have.
            param_distribution: its choices.
        """
        self._require_objectives(study)
        rng = np.random.default_rng([self._seed, trial.number, zlib.crc32(param_name.encode())])
        uniform = optuna.samplers.RandomSampler(seed=int(rng.integers(2**31)))
        return uniform.sample_independent(study, trial, param_name, param_distribution)


def _drawn_seed() -> int:
    return int(np.random.default_rng().integers(2**31))
