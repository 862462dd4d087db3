"""What the strategies with a controller share: a policy that learns from batches of results."""

from __future__ import annotations

import abc
import zlib
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from cell_search.space.space import Point
from cell_search.strategies._base import MAX_COUNT, MAX_UNITS, Strategy
from cell_search.strategies._presets import from_preset, with_preset
from cell_search.strategies.controller._attention import AttentionController
from cell_search.strategies.controller._controller import Adam, Controller, Weighted
from cells.support.errors import UserError
from cells.support.settings import setting

#: What the controller learns from: a function of the rewards of a batch, and of the last rewards
#: (the batch among them).
REWARDS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "raw": lambda rewards, last: rewards,
    "cubed": lambda rewards, last: rewards**3,
    "ranks": lambda rewards, last: (
        ((last < rewards[:, None]).mean(axis=1) + (last <= rewards[:, None]).mean(axis=1)) / 2
    ),
}

#: Larger rewards, or cubes, count as this one: single precision must hold the squares of gradients.
_LARGEST = 1e12

#: Listed points that are scored together: more would take gigabytes.
_SCORED = 256


@dataclass(frozen=True)
class ControllerSettings:
    """How a controller is made and how it learns.

    Attributes:
        units: of each LSTM layer.
        layers: of LSTM.
        width: weights start uniform between -width and width.
        learning_rate: of Adam.
        entropy: the weight, in the objective, of the entropy of a child, in nats.
        entropy_of: what that is: the `sum` over its decisions, as in ENAS's code, or their `mean`.
            What a reward tells of each decision shrinks with their number, so that large weights
            of a sum would drown it in large spaces.
        baseline: the weight of the past in the moving average, in [0, 1).
        batch: results for an update.
        epochs: steps of Adam for an update.
        clip: how far the ratio may be from 1.
        rewards: what is learned from: `raw` rewards, `cubed` ones, or their `ranks`: the share of
            the last `window` results that are worse, ties half. Ranks know no scale and no
            outliers.
        window: see `rewards`.
        attempts: how often a candidate that was proposed before (by canonical key) is drawn again
            before it is accepted; 1 allows duplicates.
        stale: see above.
        inputs: how the input of a block is chosen: by a `softmax` of its own, as every decision is,
            or by `attention` over the nodes before it, with one head for all operations, as in
            ENAS (Pham et al. 2018, section 2.4), and for all skip connections of a layer of a whole
            network at once (Zoph & Le 2017, section 3.3); that has one layer.
        limit: with `attention`, the largest logit of an input (ENAS's tanh constant), of an
            operation 2.5 times less; 0: none.
    """

    units: int = setting(least=1, most=MAX_UNITS)
    layers: int = setting(least=1, most=100)
    width: float = setting(above=0, most=1e3)
    learning_rate: float = setting(above=0, most=1e3)
    entropy: float = setting(least=0, most=1e9)
    entropy_of: str = setting(choices=("mean", "sum"))
    baseline: float = setting(least=0, below=1)
    batch: int = setting(least=1, most=MAX_COUNT)
    epochs: int = setting(least=1, most=MAX_COUNT)
    clip: float = setting(above=0, most=1e9)
    rewards: str = setting(choices=tuple(REWARDS))
    window: int = setting(least=1)
    attempts: int = setting(least=1, most=MAX_COUNT)
    stale: int = setting(least=0)
    inputs: str = setting("softmax", choices=("softmax", "attention"))
    limit: float = setting(0.0, least=0, most=1e3)


#: For hundreds of children: what the presets `quick` have in common.
QUICK = ControllerSettings(
    units=100,
    layers=1,
    width=0.1,
    learning_rate=0.015,
    entropy=0.4,
    entropy_of="mean",
    baseline=0.9,
    batch=5,
    epochs=1,
    clip=1.0,
    rewards="ranks",
    window=100,
    attempts=20,
    stale=10,
)


class _Policy(NamedTuple):
    """Weights, and how many trials had finished when they came into force."""

    since: int
    weights: np.ndarray


class _Result(NamedTuple):
    """A finished child: (decisions,) choices; how many updates ago its policy was the newest."""

    choices: list[int]
    reward: float
    age: int


class PolicyGradient(Strategy):
    """A controller that is updated with every `batch` of results, in the order of finishing.

    An advantage is a reward less the baseline: the moving average, with weight `baseline` of the
    past, of the rewards of all batches before (of the first batch: its own mean).

    Many children run at once, so a result may come from an older policy than the one that it
    changes. Each trial says how many had finished when it was proposed; from that, its policy
    follows. A result whose policy was updated more than `stale` times since is dropped: it moves
    neither the weights nor the baseline. (When all are dropped nothing is updated, so the next
    are fresh again: a search never starves.) The others are weighted, decision by decision, by
    the ratio of the choice's probability under the policy as it is to that under the policy that
    proposed it, clipped as the subclass says. A trial that does not say when it was proposed
    counts as fresh.

    Only the weights of the last `stale` + 1 policies are kept.

    `preset` is `quick`, for hundreds of children, or `paper`; it stands for all other settings that
    are not given.
    """

    PRESETS: ClassVar[Mapping[str, ControllerSettings]]
    Settings = with_preset(ControllerSettings)
    settings: ControllerSettings

    def _prepare(self) -> None:
        self.settings = from_preset(self._where, self.settings, self.PRESETS)
        units, layers = self.settings.units, self.settings.layers
        if self.settings.inputs == "attention" and layers > 1:
            raise UserError(f"{self._where}.layers: inputs=attention has 1, not {layers}")
        self._controller: Weighted = (
            AttentionController(self.space, units, self.settings.limit)
            if self.settings.inputs == "attention"
            else Controller([len(d.choices) for d in self.space.decisions], units, layers)
        )

    @abc.abstractmethod
    def _by_log_probs(self, ratios: np.ndarray, advantages: np.ndarray) -> np.ndarray:
        """What the objective gains by larger log-probabilities, for each decision.

        Args:
            ratios: (children, decisions): the probability now over that when it was proposed.
            advantages: (children, 1).

        Returns:
            (children, decisions).
        """

    def reset(self) -> None:
        settings = self.settings
        # Its own stream: the trials' are seeded by their numbers.
        rng = np.random.default_rng([self._seed, zlib.crc32(b"controller")])
        first = _Policy(0, self._controller.initial(settings.width, rng))
        self._policies = deque([first], maxlen=settings.stale + 1)
        self._adam = Adam(self._controller.count, settings.learning_rate)
        self._batch: list[_Result] = []
        self._last: deque[float] = deque(maxlen=max(settings.window, settings.batch))
        self._baseline: float | None = None
        self._met: set[Hashable] = set()

    def observe(self, point: Point) -> None:
        self._met.add(self.space.canonical_key(point))

    def learn(self, point: Point, reward: float) -> None:
        age = self._age(self.proposed_after)
        if age is None:
            return
        self._batch.append(_Result(self.space.indices(point), reward, age))
        self._last.append(reward)
        if len(self._batch) == self.settings.batch:
            self._update()
            self._batch.clear()

    def _age(self, after: int | None) -> int | None:
        """How many updates ago a policy was the newest; None if it is not kept any more."""
        if after is None:
            return 0
        ages = (a for a, policy in enumerate(reversed(self._policies)) if policy.since <= after)
        return next(ages, None)

    def _update(self) -> None:
        settings, controller = self.settings, self._controller
        choices = np.array([result.choices for result in self._batch])
        advantages = self._advantages()[:, None]
        parts = choices.size if settings.entropy_of == "mean" else len(choices)
        by_entropies = np.full(choices.shape, settings.entropy / parts)
        weights = self._policies[-1].weights.copy()
        then = None
        for _ in range(settings.epochs):
            now = controller.score(weights, choices)
            if then is None:
                then = self._log_probs_then(choices, now.log_probs)
            ratios = np.exp(np.clip(now.log_probs - then, -20.0, 20.0))
            by_log_probs = self._by_log_probs(ratios, advantages) / len(choices)
            self._adam.climb(weights, controller.gradient(weights, now, by_log_probs, by_entropies))
        self._policies.append(_Policy(self.finished, weights))

    def _advantages(self) -> np.ndarray:
        """The rewards of the batch less the baseline, which then takes them in."""
        rewards = np.array([result.reward for result in self._batch])
        with np.errstate(over="ignore"):
            learned = REWARDS[self.settings.rewards](rewards, np.array(self._last))
        learned = np.clip(learned, -_LARGEST, _LARGEST)
        if self._baseline is None:
            self._baseline = float(learned.mean())
        advantages = learned - self._baseline
        for value in learned:
            self._baseline += (1.0 - self.settings.baseline) * (float(value) - self._baseline)
        return advantages

    def _log_probs_then(self, choices: np.ndarray, now: np.ndarray) -> np.ndarray:
        """The log-probabilities under the policies by which the batch was proposed."""
        then = now.copy()
        ages = np.array([result.age for result in self._batch])
        for age in set(ages[ages > 0].tolist()):
            weights = self._policies[-1 - age].weights
            then[ages == age] = self._controller.score(weights, choices[ages == age]).log_probs
        return then

    def propose(self, rng: np.random.Generator) -> Point:
        weights, length = self._policies[-1].weights, len(self.space.decisions)
        # The first is new nearly always; if not, the others are drawn together.
        for count in filter(None, (1, self.settings.attempts - 1)):
            for indices in self._controller.sample(weights, rng.random((count, length))):
                point = self.space.from_indices(indices)
                if self.space.canonical_key(point) not in self._met:
                    return point
        return point

    def choose(self, rows: np.ndarray, rng: np.random.Generator) -> Point:
        """A draw from the policy, given that it is one of the rows."""
        weights, parts = self._policies[-1].weights, range(0, len(rows), _SCORED)
        scored = [self._controller.score(weights, rows[i : i + _SCORED]).log_probs for i in parts]
        # The largest of log-probabilities with Gumbel noise is a draw by the probabilities.
        chances = np.concatenate(scored).sum(axis=1) + rng.gumbel(size=len(rows))
        return self.space.from_indices(rows[np.argmax(chances)].tolist())
