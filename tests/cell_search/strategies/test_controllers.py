"""The strategies with a controller: its arithmetic, and the rules by which it learns."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from scipy import stats
from strategy_contract import StrategyContract, new_study, run, share_of_identity

from cell_search.space import published
from cell_search.space.space import Decision, Space
from cell_search.strategies import PPO, RandomSearch, Reinforce, Strategy
from cell_search.strategies.controller._controller import Adam, Controller
from cell_search.study import trials
from cell_search.trial_keys import AFTER
from cells.support.errors import UserError


class TestReinforce(StrategyContract):
    def make(self, space: Space | dict, seed: int) -> Strategy:
        return Reinforce(space, seed=seed, units=8, batch=4)


class TestReinforceOfThePaper(StrategyContract):
    def make(self, space: Space | dict, seed: int) -> Strategy:
        return Reinforce(space, seed=seed, preset="paper", units=4)


class TestPPO(StrategyContract):
    def make(self, space: Space | dict, seed: int) -> Strategy:
        return PPO(space, seed=seed, units=8, batch=4, epochs=2)


# The controller.


@pytest.mark.parametrize("layers", [1, 2])
def test_the_controller_against_keras(layers: int) -> None:
    """Log-probabilities, entropies and gradients of Keras's LSTM cells with the same weights."""
    import keras
    import tensorflow as tf

    sizes, units, children = (3, 5, 2, 4), 6, 7
    controller = Controller(sizes, units, layers, np.float64)
    rng = np.random.default_rng(0)
    weights = controller.initial(0.8, rng)
    decided = controller.score(weights, controller.sample(weights, rng.random((children, 4))))
    by_log_probs, by_entropies = rng.normal(size=(2, children, len(sizes)))

    parts = controller._parts(weights)
    inputs = np.concatenate([np.zeros((1, 4 * units)), parts.inputs])  # the first: no choice yet

    def keras_order(array: np.ndarray) -> np.ndarray:
        out, into, forget, new = np.split(array, 4, axis=-1)
        return np.concatenate([into, forget, new, out], axis=-1)

    cells = []
    for layer in range(layers):
        cell = keras.layers.LSTMCell(units, dtype="float64")
        below = inputs if layer == 0 else parts.upward[layer - 1]
        cell.build((None, len(below)))
        arrays = (below, parts.recurrent[layer], parts.biases[layer])
        cell.set_weights([keras_order(array) for array in arrays])
        cells.append(cell)
    ends = np.cumsum(sizes)[:-1]

    def by_decision(p: Any) -> list[list[np.ndarray]]:
        heads = zip(np.split(p.heads, ends), np.split(p.head_biases, ends), strict=True)
        return [[matrix.T, bias] for matrix, bias in heads]

    heads = [[tf.Variable(array) for array in head] for head in by_decision(parts)]

    with tf.GradientTape() as tape:
        states = [[tf.zeros((children, units), tf.float64)] * 2 for _ in cells]
        token = np.zeros(children, int)
        objective = tf.constant(0.0, tf.float64)
        for t, (matrix, bias) in enumerate(heads):
            x = tf.one_hot(token, len(inputs), dtype=tf.float64)
            for layer, cell in enumerate(cells):
                x, states[layer] = cell(x, states[layer])
            log_probs = tf.nn.log_softmax(x @ matrix + bias)
            chosen = tf.gather(log_probs, decided.choices[:, t], batch_dims=1)
            entropy = -tf.reduce_sum(tf.exp(log_probs) * log_probs, axis=1)
            np.testing.assert_allclose(decided.log_probs[:, t], chosen, rtol=1e-10)
            np.testing.assert_allclose(decided.entropies[:, t], entropy, rtol=1e-10)
            objective += tf.reduce_sum(by_log_probs[:, t] * chosen + by_entropies[:, t] * entropy)
            token = 1 + sum(sizes[:t]) + decided.choices[:, t]
    kernels = [cell.trainable_weights for cell in cells]
    expected = tape.gradient(objective, [[w.value for w in k] for k in kernels] + heads)

    gradient = controller._parts(controller.gradient(weights, decided, by_log_probs, by_entropies))
    for layer in range(layers):
        below, recurrent, bias = (tf.convert_to_tensor(g).numpy() for g in expected[layer])
        ours = gradient.inputs if layer == 0 else gradient.upward[layer - 1]
        np.testing.assert_allclose(
            keras_order(ours), below[1:] if layer == 0 else below, atol=1e-10
        )
        np.testing.assert_allclose(keras_order(gradient.recurrent[layer]), recurrent, atol=1e-10)
        np.testing.assert_allclose(keras_order(gradient.biases[layer]), bias, atol=1e-10)
    for ours, theirs in zip(by_decision(gradient), expected[layers:], strict=True):
        np.testing.assert_allclose(ours[0], theirs[0], atol=1e-10)
        np.testing.assert_allclose(ours[1], theirs[1], atol=1e-10)


@pytest.mark.parametrize("layers", [1, 3])
def test_gradients_against_finite_differences(layers: int) -> None:
    controller = Controller((2, 4, 3), 5, layers, np.float64)
    rng = np.random.default_rng(1)
    weights = controller.initial(0.9, rng)
    decided = controller.score(weights, controller.sample(weights, rng.random((4, 3))))
    by_log_probs, by_entropies = rng.normal(size=(2, 4, 3))

    def objective(w: np.ndarray) -> float:
        d = controller.score(w, decided.choices)
        return float((by_log_probs * d.log_probs + by_entropies * d.entropies).sum())

    steps = 1e-5 * np.eye(controller.count)
    slopes = [(objective(weights + s) - objective(weights - s)) / 2e-5 for s in steps]
    gradient = controller.gradient(weights, decided, by_log_probs, by_entropies)
    np.testing.assert_allclose(gradient, slopes, atol=1e-8)


def _all_children(
    dtype: type[np.floating] = np.float64,
) -> tuple[Controller, np.ndarray, np.ndarray]:
    sizes = (3, 2, 4)
    controller = Controller(sizes, 6, dtype=dtype)
    weights = controller.initial(1.5, np.random.default_rng(3))
    return controller, weights, np.array(list(itertools.product(*map(range, sizes))))


def test_probabilities_of_all_children_sum_to_one_and_entropies_to_their_entropy() -> None:
    """The chain rule: the entropy of a child is the mean of its decisions' summed entropies."""
    controller, weights, everything = _all_children()
    decided = controller.score(weights, everything)
    probabilities = np.exp(decided.log_probs.sum(axis=1))
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-12)
    assert probabilities.max() / probabilities.min() > 10, "not uniform: the test can fail"
    mean = (probabilities * decided.entropies.sum(axis=1)).sum()
    assert mean == pytest.approx(stats.entropy(probabilities), abs=1e-12)


def test_children_are_drawn_with_their_probabilities() -> None:
    controller, weights, everything = _all_children(np.float32)
    drawn = controller.sample(weights, np.random.default_rng(0).random((20_000, 3)))
    expected = np.exp(controller.score(weights, everything).log_probs.sum(axis=1, dtype=float))
    _, counts = np.unique(np.concatenate([drawn, everything]), axis=0, return_counts=True)
    test = stats.chisquare(counts - 1, 20_000 * expected / expected.sum())
    assert test.pvalue > 1e-3


def test_draws_at_the_ends_of_the_interval_are_choices() -> None:
    controller, weights, _ = _all_children(np.float32)
    ends = np.array([[0.0] * 3, [np.nextafter(1.0, 0.0)] * 3])
    assert controller.sample(weights, ends).tolist() == [[0, 0, 0], [2, 1, 3]]


def test_adam_as_in_its_paper() -> None:
    """Kingma & Ba 2015, algorithm 1, step by step in double precision."""
    rng = np.random.default_rng(0)
    ours = rng.normal(size=50).astype(np.float32)
    weights, mean, square = ours.astype(float), np.zeros(50), np.zeros(50)
    adam = Adam(50, 0.01)
    for step in range(1, 30):
        gradient = rng.normal(size=50).astype(np.float32) * 10.0 ** rng.integers(-3, 3)
        adam.climb(ours, gradient)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient.astype(float) ** 2
        unbiased = mean / (1 - 0.9**step), square / (1 - 0.999**step)
        weights += 0.01 * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
    np.testing.assert_allclose(ours, weights, atol=2e-5)


# How they learn.


class Watched(Reinforce):
    """Writes down what an update is made of."""

    def reset(self) -> None:
        super().reset()
        self.ratios: list[np.ndarray] = []
        self.advantages: list[np.ndarray] = []

    def _by_log_probs(self, ratios: np.ndarray, advantages: np.ndarray) -> np.ndarray:
        self.ratios.append(ratios)
        self.advantages.append(advantages[:, 0])
        return super()._by_log_probs(ratios, advantages)


@pytest.fixture
def space() -> Space:
    return Space(tuple(Decision(f"{i}/operation", ("identity", 1, None)) for i in range(4)))


@pytest.mark.parametrize("entropy_of", ["mean", "sum"])
@pytest.mark.parametrize("strategy", [Reinforce, PPO])
def test_the_first_update_climbs_its_objective(
    strategy: type, entropy_of: str, space: Space
) -> None:
    """Adam's first step is the learning rate in the direction of each derivative's sign; the
    derivatives here are finite differences of the objective, whose ratios are all 1."""
    rewards, entropy = np.array([0.1, 0.9, 0.4]), 0.8
    learner = strategy(
        space,
        seed=5,
        units=3,
        width=0.7,
        batch=3,
        epochs=1,
        rewards="raw",
        entropy=entropy,
        entropy_of=entropy_of,
        learning_rate=0.003,
    )
    before = learner._policies[-1].weights.astype(float)
    points = [space.random(np.random.default_rng(i)) for i in range(3)]
    for point, reward in zip(points, rewards, strict=True):
        learner.learn(point, reward)
    moved = learner._policies[-1].weights - before

    exact = Controller([3] * 4, 3, dtype=np.float64)
    choices = np.array([space.indices(point) for point in points])

    def objective(weights: np.ndarray) -> float:
        decided = exact.score(weights, choices)
        gains = (rewards - rewards.mean()) * decided.log_probs.sum(axis=1)
        entropies = getattr(decided.entropies, entropy_of)(axis=1)
        return float((gains + entropy * entropies).mean())

    steps = 1e-5 * np.eye(exact.count)
    slopes = np.array([(objective(before + s) - objective(before - s)) / 2e-5 for s in steps])
    clear = np.abs(slopes) > 1e-4
    assert clear.sum() > exact.count / 2
    np.testing.assert_allclose(moved[clear], 0.003 * np.sign(slopes[clear]), rtol=0.01)


def test_the_objective_of_ppo_is_the_clipped_one(space: Space) -> None:
    """Schulman et al. 2017, equation 7, differentiated by finite differences."""
    ppo = PPO(space, clip=0.2)
    ratios = np.exp(np.linspace(-1.0, 1.0, 41))
    for advantage in (-2.0, 0.5):

        def objective(log_ratios: np.ndarray, advantage: float = advantage) -> np.ndarray:
            r = np.exp(log_ratios)
            return np.minimum(r * advantage, np.clip(r, 0.8, 1.2) * advantage)

        slopes = (objective(np.log(ratios) + 1e-6) - objective(np.log(ratios) - 1e-6)) / 2e-6
        ours = ppo._by_log_probs(ratios[None], np.array([[advantage]]))[0]
        np.testing.assert_allclose(ours, slopes, atol=1e-6)
        assert 0 < (ours == 0).sum() < len(ours)


def test_reinforce_truncates_the_weights_of_stale_results(space: Space) -> None:
    ratios = np.array([[0.25, 1.0, 1.4, 1.6, 30.0]])
    weighted = Reinforce(space, clip=0.5)._by_log_probs(ratios, np.array([[-2.0]]))
    np.testing.assert_allclose(weighted, [[-0.5, -2.0, -2.8, -3.0, -3.0]])


def _advantages(space: Space, told: list[float], **settings: Any) -> np.ndarray:
    learner = Watched(space, units=2, **settings)
    for i, reward in enumerate(told):
        learner.learn(space.random(np.random.default_rng(i)), reward)
    return np.array(learner.advantages)


@pytest.mark.parametrize("power", [1, 3])
def test_the_baseline_is_the_moving_average_of_earlier_rewards(space: Space, power: int) -> None:
    rewards = [0.2, 0.6, 0.5, 0.9, 0.1, 0.8]
    kind = {1: "raw", 3: "cubed"}[power]
    advantages = _advantages(space, rewards, batch=2, baseline=0.75, rewards=kind)
    learned = np.array(rewards).reshape(3, 2) ** power
    average = learned[0].mean()
    for batch, ours in zip(learned, advantages, strict=True):
        np.testing.assert_allclose(ours, batch - average)
        for reward in batch:
            average = 0.75 * average + 0.25 * reward


def test_ranks_are_percentiles_of_the_last_rewards(space: Space) -> None:
    rewards = [3.0, 10.0, 3.0, 95.0, 94.0, 95.0, 95.0, -1e9, 96.0]
    advantages = _advantages(space, rewards, batch=3, baseline=0.0, rewards="ranks", window=5)
    learned = []
    for end in (3, 6, 9):
        last = rewards[max(0, end - 5) : end]
        batch = rewards[end - 3 : end]
        learned.append([stats.percentileofscore(last, r, kind="mean") / 100 for r in batch])
    # Without memory the average is the last rank of the batch before.
    baselines = [np.mean(learned[0]), learned[0][-1], learned[1][-1]]
    for ours, ranks, baseline in zip(advantages, learned, baselines, strict=True):
        np.testing.assert_allclose(ours, np.array(ranks) - baseline)


def test_ranks_know_neither_scale_nor_outliers(space: Space) -> None:
    scores = [10.0, 91.0, 90.0, 93.0, 92.0, 89.0]
    plain = _advantages(space, scores, batch=3, rewards="ranks")
    bent = [-1e30 if s == 10.0 else np.exp(s) for s in scores]
    np.testing.assert_array_equal(plain, _advantages(space, bent, batch=3, rewards="ranks"))


def _finished(
    space: Space, order: int, after: int | None, value: float | None
) -> optuna.trial.FrozenTrial:
    return optuna.trial.create_trial(
        state=TrialState.FAIL if value is None else TrialState.COMPLETE,
        value=value,
        params=space.random(np.random.default_rng(order)),
        distributions=dict(space.distributions),
        user_attrs={"finished": order},
        system_attrs={} if after is None else {AFTER: after},
    )


def test_stale_results_are_weighted_then_dropped(space: Space) -> None:
    """Every success is an update here, so ages can be counted by hand."""
    learner = Watched(space, seed=1, units=4, batch=1, stale=2, learning_rate=0.1, width=1.0)
    first = learner._policies[-1].weights.copy()
    study = new_study()
    # (known at its proposal, reward): what it is by then.
    history = [
        (0, 0.5),  # fresh
        (0, 0.7),  # one update old
        (1, None),  # fails, and updates nothing
        (0, 0.2),  # two updates old
        (0, 0.9),  # three: dropped
        (1, 0.3),  # by the second policy, two updates old
        (3, 0.4),  # by the third, which the failure did not replace: two updates old
        (7, 0.6),  # fresh
        (3, 0.1),  # dropped
        (None, 0.8),  # nobody noted it: fresh
    ]
    for order, (after, value) in enumerate(history):
        study.add_trial(_finished(space, order, after, value))
    trials.propose(study, learner, space, len(history))
    assert learner.finished == len(history)
    learned = [0, 1, 3, 5, 6, 7, 9]
    assert len(learner.ratios) == len(learned)
    fresh = [bool((ratios == 1.0).all()) for ratios in learner.ratios]
    assert fresh == [True, False, False, False, False, True, True]

    # The same ratio from two policies: one that has learned nothing, one that has the first alone.
    other = Watched(space, seed=1, units=4, batch=1, stale=2, learning_rate=0.1, width=1.0)
    point = space.random(np.random.default_rng(0))
    other.learn(point, 0.5)
    second = other._policies[-1].weights
    choices = np.array([space.indices(space.random(np.random.default_rng(1)))])
    now, then = (other._controller.score(w, choices).log_probs for w in (second, first))
    np.testing.assert_allclose(learner.ratios[1], np.exp(now - then), rtol=1e-5)


@pytest.mark.parametrize("strategy", [Watched, PPO])
def test_a_restart_knows_by_which_policy_each_child_was_proposed(
    strategy: type, space: Space
) -> None:
    def points(renew: bool) -> tuple[list[dict], Strategy]:
        def make() -> Strategy:
            return strategy(space, seed=2, units=8, batch=2, stale=3, attempts=1)

        study, learner, running, proposed, done = new_study(), make(), [], [], 0
        for number in range(60):
            if renew:
                learner = make()
            point = trials.propose(study, learner, space, number)
            trials.begin(study, space, point, after=done)
            proposed.append(point)
            running.append(number)
            if len(running) == 6:
                # Now the newest, now one that has waited.
                finished = running.pop([5, 0, 2][number % 3])
                study._storage.set_trial_user_attr(finished, "finished", done)
                study.tell(finished, share_of_identity(proposed[finished]))
                done += 1
        return proposed, learner

    undisturbed, learner = points(renew=False)
    assert points(renew=True)[0] == undisturbed
    if isinstance(learner, Watched):
        assert any((ratios != 1.0).any() for ratios in learner.ratios)


def test_a_plain_study_notes_what_was_known(space: Space) -> None:
    study = optuna.create_study(
        direction="maximize", sampler=Reinforce(space, units=2, batch=2, attempts=1)
    )
    asked = [study.ask(space.distributions) for _ in range(3)]
    study.tell(asked[1], 0.5)
    study.ask(space.distributions)
    study.tell(asked[0], state=TrialState.FAIL)
    study.ask(space.distributions)
    assert [t.system_attrs[AFTER] for t in study.trials] == [0, 0, 0, 1, 2]


@pytest.mark.parametrize("strategy", [Reinforce, PPO])
@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_enormous_rewards_leave_a_policy(strategy: type, preset: str, space: Space) -> None:
    values = itertools.cycle([1e308, -1e308, 0.5, 1e200, 0.9])
    learner = strategy(space, preset=preset, units=4, batch=2, attempts=1)
    run(new_study(), learner, 40, lambda _: next(values))
    assert np.isfinite(learner._policies[-1].weights).all()


@pytest.mark.parametrize("strategy", [Reinforce, PPO])
def test_candidates_that_were_proposed_before_are_drawn_again(strategy: type) -> None:
    space = Space((Decision("a", (0, 1)), Decision("b", ("x", "y"))))
    points = run(new_study(), strategy(space, attempts=1000), 8, lambda _: 0.5)
    assert len({space.canonical_key(point) for point in points[:4]}) == 4


@pytest.mark.parametrize("strategy", [Reinforce, PPO])
def test_they_beat_random_search_where_there_is_something_to_learn(strategy: type) -> None:
    space = published.find("pnas", 4)

    def best(learner: Strategy) -> float:
        return max(map(share_of_identity, run(new_study(), learner, 150)))

    learned = [best(strategy(space, seed=seed)) for seed in range(3)]
    drawn = [best(RandomSearch(space, seed=seed)) for seed in range(3)]
    assert min(learned) > max(drawn)


# Settings.


def test_the_presets_of_the_papers_have_their_rates() -> None:
    """Zoph et al. 2018, appendix A; Zoph & Le 2017, section 4.1."""
    ppo = PPO.PRESETS["paper"]
    assert (ppo.units, ppo.layers, ppo.width) == (100, 1, 0.1)
    assert (ppo.learning_rate, ppo.entropy, ppo.baseline) == (0.00035, 0.00001, 0.95)
    # As in the code of ENAS, which has the same objective.
    assert ppo.entropy_of == "sum"
    assert (ppo.batch, ppo.rewards, ppo.attempts) == (20, "raw", 1)
    reinforce = Reinforce.PRESETS["paper"]
    assert (reinforce.units, reinforce.layers, reinforce.width) == (35, 2, 0.08)
    assert (reinforce.learning_rate, reinforce.batch) == (0.0006, 8)
    assert (reinforce.rewards, reinforce.attempts, reinforce.epochs) == ("cubed", 1, 1)


def test_a_setting_is_the_presets_unless_it_is_given(space: Space) -> None:
    settings = PPO(space, preset="paper", learning_rate=0.5).settings
    assert (settings.learning_rate, settings.entropy, settings.batch) == (0.5, 0.00001, 20)
    assert PPO(space, entropy=0.0).settings.entropy == 0.0


@pytest.mark.parametrize("name", ["reinforce", "ppo"])
@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"preset": "papers"}, r"preset.*papers.*did you mean 'paper'"),
        ({"rewards": "rank"}, r"rewards.*did you mean 'ranks'"),
        ({"units": 0}, "units: 0 is too small; use at least 1"),
        ({"batch": 2.5}, "batch: 2.5 is not a whole number"),
        ({"attempts": True}, "attempts: True is not a whole number"),
        ({"learning_rate": "fast"}, "learning_rate: 'fast' is not a number"),
        ({"learning_rate": float("nan")}, "learning_rate: nan is not a finite number"),
        ({"clip": -0.2}, "clip: -0.2 is too small; use more than 0"),
        ({"entropy": -1.0}, "entropy: -1.0 is too small; use at least 0"),
        ({"stale": -1}, "stale: -1 is too small; use at least 0"),
        ({"baseline": 1.0}, "baseline: 1.0 is too large; use less than 1"),
    ],
)
def test_settings_are_checked(name: str, settings: dict, sentence: str) -> None:
    strategy = {"reinforce": Reinforce, "ppo": PPO}[name]
    with pytest.raises(UserError, match=f"strategy.{name}.{sentence}"):
        strategy(published.find("pnas"), **settings)
