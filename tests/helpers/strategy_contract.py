"""What every strategy must do; a new one passes by subclassing."""

from __future__ import annotations

import abc
import pickle
import warnings

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from cell_search.config import resolve
from cell_search.config.schema import SearchConfig
from cell_search.space import published
from cell_search.space.space import Space
from cell_search.strategies import STRATEGIES, Strategy
from cell_search.study import trials
from cells.support.errors import UserError


def share_of_identity(point: dict) -> float:
    """A score that any test can compute: the share of operations that are the identity."""
    operations = [value for name, value in point.items() if name.endswith("operation")]
    return operations.count("identity") / len(operations)


def two_scores(point: dict) -> tuple[float, float]:
    """Two scores that no point has both of: identities, and operations of other kinds."""
    operations = [value for name, value in point.items() if name.endswith("operation")]
    return share_of_identity(point), len(set(operations)) / len(operations)


def run(
    study: optuna.Study,
    strategy: Strategy,
    count: int,
    score=share_of_identity,
    feasible=lambda point: True,
) -> list[dict]:
    """Asks and tells `count` times as the driver does, one trial after the other."""
    points = []
    for _ in range(count):
        number = len(study.get_trials(deepcopy=False))
        point, rejected = trials.propose_feasible(study, strategy, strategy.space, number, feasible)
        trials.begin(study, strategy.space, point, rejected)
        points.append(point)
        value = score(point)
        if value is None:
            study.tell(number, state=TrialState.FAIL)
        else:
            study.tell(number, value)
    return points


def new_study(*directions: str) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(directions=directions or ["maximize"])


#: What `StrategyContract.undisturbed` has found, by class and decisions.
_UNDISTURBED: dict[tuple[type, str], list[dict]] = {}


class StrategyContract(abc.ABC):
    """Subclass it as `Test...` and give `make`."""

    @abc.abstractmethod
    def make(self, space: Space | dict, seed: int) -> Strategy:
        """A strategy with settings small enough that 30 trials show what it does."""

    @pytest.fixture(params=["nasnet", "pnas", "flat"])
    def space(self, request: pytest.FixtureRequest) -> Space | dict:
        if request.param == "flat":
            choices = optuna.distributions.CategoricalDistribution
            return {f"{i}/operation": choices(["identity", "other", 3, None]) for i in range(6)}
        # Four blocks in two cells, three in one: enough for every kind of decision.
        return published.find(request.param, {"nasnet": 2, "pnas": 3}[request.param])

    def undisturbed(self, space: Space | dict) -> list[dict]:
        """The first 30 points of a strategy with seed 3, with which most tests compare theirs."""
        key = type(self), repr(Space.of(space).decisions)
        if key not in _UNDISTURBED:
            _UNDISTURBED[key] = run(new_study(), self.make(space, 3), 30)
        return _UNDISTURBED[key]

    def test_every_proposal_is_a_point_of_the_space(self, space: Space | dict) -> None:
        decisions = self.make(space, 3).space.decisions
        for point in self.undisturbed(space):
            assert list(point) == [d.name for d in decisions]
            for decision in decisions:
                assert point[decision.name] in decision.choices

    def test_a_seed_fixes_the_sequence(self, space: Space | dict) -> None:
        assert run(new_study(), self.make(space, 3), 30) == self.undisturbed(space)
        assert run(new_study(), self.make(space, 8), 30) != self.undisturbed(space)

    def test_a_new_sampler_goes_on_from_the_history(self, space: Space | dict) -> None:
        study = new_study()
        points = []
        for count in (1, 13, 16):
            points += run(study, self.make(space, 3), count)
        assert points == self.undisturbed(space)

    def test_one_sampler_can_serve_two_studies(self, space: Space | dict) -> None:
        strategy = self.make(space, 3)
        run(new_study(), strategy, 20)
        assert run(new_study(), strategy, 30) == self.undisturbed(space)

    def test_failed_and_unbounded_trials_are_survived(self, space: Space | dict) -> None:
        count = iter(range(1000))
        values = {0: None, 1: float("inf"), 2: float("-inf"), 3: float("nan")}
        points = run(
            new_study(),
            self.make(space, 1),
            30,
            lambda point: values.get(next(count) % 6, share_of_identity(point)),
        )
        assert len(points) == 30

    @pytest.mark.filterwarnings("ignore::UserWarning")
    def test_smaller_is_better_mirrors_larger_is_better(self, space: Space | dict) -> None:
        smaller = run(
            new_study("minimize"), self.make(space, 3), 30, lambda point: -share_of_identity(point)
        )
        assert smaller == self.undisturbed(space)

    def test_late_results_in_any_order(self, space: Space | dict) -> None:
        def points(renew: bool) -> list[dict]:
            study, strategy = new_study(), self.make(space, 2)
            running: list[int] = []
            proposed = []
            for number in range(25):
                if renew:
                    strategy = self.make(space, 2)
                point = trials.propose(study, strategy, strategy.space, number)
                trials.begin(study, strategy.space, point)
                proposed.append(point)
                running.append(number)
                if len(running) == 5:
                    # The second newest finishes first, the others wait.
                    done = running.pop(3)
                    study.tell(done, share_of_identity(proposed[done]))
            return proposed

        assert points(renew=True) == points(renew=False)

    def test_it_runs_on_a_plain_optuna_study(self, space: Space | dict) -> None:
        strategy = self.make(space, 3)

        def objective(trial: optuna.Trial) -> float:
            point = {
                name: trial.suggest_categorical(name, distribution.choices)
                for name, distribution in strategy.space.distributions.items()
            }
            trial.suggest_float("something else", 0.0, 1.0)
            return share_of_identity(point)

        study = optuna.create_study(direction="maximize", sampler=strategy)
        study.optimize(objective, n_trials=30)
        asked = [{d.name: t.params[d.name] for d in strategy.space.decisions} for t in study.trials]
        assert asked == self.undisturbed(space)
        assert len({t.params["something else"] for t in study.trials}) > 20

    def test_threads_of_one_study(self, space: Space | dict) -> None:
        strategy = self.make(space, 4)

        def objective(trial: optuna.Trial) -> float:
            return share_of_identity(
                {
                    name: trial.suggest_categorical(name, distribution.choices)
                    for name, distribution in strategy.space.distributions.items()
                }
            )

        study = optuna.create_study(direction="maximize", sampler=strategy)
        study.optimize(objective, n_trials=25, n_jobs=4)
        assert len(study.trials) == 25
        assert all(t.state == TrialState.COMPLETE for t in study.trials)

    def test_two_objectives_are_taken_or_refused_by_name(self, space: Space | dict) -> None:
        if not self.make(space, 1).several_objectives:
            self._refuses_two_objectives(space)
            return

        def score(point: dict) -> tuple[float, float]:
            one, two = two_scores(point)
            return one, -two

        undisturbed = run(new_study("maximize", "minimize"), self.make(space, 1), 30, score)
        for point in undisturbed:
            assert [d.name for d in self.make(space, 1).space.decisions] == list(point)
        resumed, points = new_study("maximize", "minimize"), []
        for count in (1, 13, 16):
            points += run(resumed, self.make(space, 1), count, score)
        assert points == undisturbed, "a new sampler goes on from the history"
        larger = run(new_study("maximize", "maximize"), self.make(space, 1), 30, two_scores)
        assert larger == undisturbed, "smaller is better mirrors larger is better"
        count = iter(range(1000))
        values = {0: None, 1: (float("inf"), 0.0), 2: (0.0, float("-inf")), 3: (float("nan"), 0.0)}
        survived = run(
            new_study("maximize", "maximize"),
            self.make(space, 1),
            40,
            lambda point: values.get(next(count) % 6, two_scores(point)),
        )
        assert len(survived) == 40, "failures and infinite scores are survived"

    def _refuses_two_objectives(self, space: Space | dict) -> None:
        """By the driver, by Optuna, and by the configuration, before anything is evaluated."""
        strategy, study = self.make(space, 1), new_study("maximize", "minimize")
        refused = rf"^{type(strategy).__name__} takes one objective, but this study has 2$"
        with pytest.raises(UserError, match=refused):
            trials.propose(study, strategy, strategy.space, 0)
        study.sampler = strategy
        with pytest.raises(UserError, match=refused):
            study.ask(dict(strategy.space.distributions))
        assert not any(t.params for t in study.trials), "nothing was proposed"
        config = SearchConfig(objectives=["accuracy", "-loss"])
        config.strategy.type = next(name for name, c in STRATEGIES.items() if c is type(strategy))
        with pytest.raises(UserError, match=rf"objectives: {config.strategy.type} takes one .* 2;"):
            resolve.resolve(config)

    def test_what_is_not_feasible_is_proposed_anew(self, space: Space | dict) -> None:
        """Every third point is feasible, and no strategy is told which."""

        def feasible(point: dict) -> bool:
            decisions = Space.of(space).decisions
            return sum(d.choices.index(point[d.name]) for d in decisions) % 3 == 0

        study = new_study()
        undisturbed = run(study, self.make(space, 6), 20, feasible=feasible)
        assert all(map(feasible, undisturbed))
        assert len(study.trials) == 20, "what was rejected is no trial"
        assert any("rejected" in t.user_attrs for t in study.trials)
        resumed, points = new_study(), []
        for count in (1, 8, 11):
            points += run(resumed, self.make(space, 6), count, feasible=feasible)
        assert points == undisturbed, "a new sampler goes on from the history"

    def test_trials_that_others_chose_are_learned_from(self, space: Space | dict) -> None:
        """As the driver records the first trials of a search, which no strategy proposed."""
        learned: list[tuple[dict, float]] = []

        def strategy() -> Strategy:
            made = self.make(space, 9)
            learn = made.learn
            made.learn = lambda point, reward: (
                learned.append((point, reward)),
                learn(point, reward),
            )  # type: ignore[method-assign]
            return made

        study, rng = new_study(), np.random.default_rng(1)
        known = [Space.of(space).random(rng) for _ in range(3)]
        for number, point in enumerate(known):
            trials.begin(study, Space.of(space), point, after=number, first="mine")
            study.tell(number, share_of_identity(point))
        points = run(study, strategy(), 12)
        assert learned[:3] == [(point, share_of_identity(point)) for point in known]
        resumed = new_study()
        resumed.add_trials(study.trials[:8])
        assert run(resumed, strategy(), 7) == points[5:]

    def test_what_a_trial_left_out_stands_at_its_first_choice(self, space: Space | dict) -> None:
        """As in a conditional study; and a trial of other decisions teaches nothing."""
        strategy, learned = self.make(space, 1), []
        strategy.learn = lambda point, reward: learned.append(point)  # type: ignore[method-assign]
        whole = strategy.space.random(np.random.default_rng(0))
        left_out = strategy.space.decisions[-1]
        kinds = dict(strategy.space.distributions)
        for names in ((), [name for name in whole if name != left_out.name]):
            of = {
                "params": {n: whole[n] for n in names},
                "distributions": {n: kinds[n] for n in names},
            }
            study = new_study()
            study.add_trial(optuna.trial.create_trial(value=1.0, **of))
            trials.propose(study, strategy, strategy.space, 1)
        assert learned == [{**whole, left_out.name: left_out.choices[0]}]

    def test_optuna_may_fix_decisions(self, space: Space | dict) -> None:
        strategy, study = self.make(space, 2), new_study()
        decision = strategy.space.decisions[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            fixed = {decision.name: decision.choices[-1]}
            study.sampler = optuna.samplers.PartialFixedSampler(fixed, strategy)
        for _ in range(4):
            trial = study.ask(dict(strategy.space.distributions))
            assert trial.params[decision.name] == decision.choices[-1]
            assert set(trial.params) == {d.name for d in strategy.space.decisions}
            study.tell(trial, share_of_identity(trial.params))

    def test_a_copy_by_pickle_goes_on_alike(self, space: Space | dict) -> None:
        strategy, study = self.make(space, 3), new_study()
        run(study, strategy, 8)
        copy = pickle.loads(pickle.dumps(strategy))
        proposals = [trials.propose(study, s, strategy.space, 8) for s in (strategy, copy)]
        assert proposals[0] == proposals[1]

    def test_another_seed_makes_other_proposals(self, space: Space | dict) -> None:
        strategy = self.make(space, 4)
        if strategy.space.size < 1e6:
            pytest.skip("small spaces repeat themselves")
        # One alone may be the same by chance: of one block there are 136 cells.
        first = run(new_study(), strategy, 6)
        assert run(new_study(), strategy, 6) == first
        strategy.reseed_rng()
        assert run(new_study(), strategy, 6) != first
