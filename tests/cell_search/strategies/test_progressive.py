"""Progressive search: the contract, growth, surrogates, and Liu et al. 2018 level by level."""

from __future__ import annotations

import tracemalloc

import keras
import numpy as np
import pytest
from scipy import stats
from strategy_contract import StrategyContract, new_study, run, share_of_identity

from cell_search.config import resolve, schema
from cell_search.space import published
from cell_search.space.space import Decision, Space
from cell_search.strategies import Progressive, RandomSearch, Strategy
from cell_search.strategies.model_based._lstm import LSTMEnsembleRegressor
from cell_search.strategies.model_based._normal_scores import normal_scores
from cell_search.strategies.model_based._surrogates import SURROGATES
from cell_search.study import trials
from cells.support.errors import UserError


class TestProgressive(StrategyContract):
    def make(self, space: Space | dict, seed: int) -> Strategy:
        return Progressive(space, seed=seed, beam=6, units=4, epochs=10, candidates=500)


class TestProgressiveLSTM(StrategyContract):
    @pytest.fixture
    def space(self) -> Space:  # type: ignore[override]
        return published.find("pnas", 3, growable=True)

    def make(self, space: Space | dict, seed: int) -> Strategy:
        return Progressive(
            space, seed=seed, beam=9, surrogate="lstm", units=4, epochs=2, candidates=300
        )


EDGES = Space(tuple(Decision(f"edge{i}", ("none", "skip", "conv"), "operation") for i in range(4)))


def edges_score(point: dict) -> float:
    values = list(point.values())
    return values.count("conv") + 0.5 * values.count("skip") + 0.1 * (values[0] == "conv")


def test_the_136_cells_of_one_block_come_first_and_each_once() -> None:
    """Liu et al. 2018, section 4.1: B_1 is all there is, 136 cells up to symmetry."""
    space = published.find("pnas", 2, growable=True)
    strategy = Progressive(space, seed=0, beam=256, units=4, epochs=5, candidates=3000)
    points = run(new_study(), strategy, 150)
    assert [p["cell/blocks"] for p in points] == [1] * 136 + [2] * 14
    assert len({space.canonical_key(p) for p in points}) == 150


def test_children_of_a_level_have_a_parent_in_the_level_before() -> None:
    space = published.find("pnas", 4, growable=True)
    beam = 8
    points = run(new_study(), Progressive(space, seed=1, beam=beam, units=4, epochs=10), 4 * beam)
    assert [p["cell/blocks"] for p in points] == [b for b in (1, 2, 3, 4) for _ in range(beam)]
    for number in range(beam, 4 * beam):
        child, blocks = points[number], points[number]["cell/blocks"]
        assert any(
            parent["cell/blocks"] == blocks - 1
            and all(
                parent[name] == child[name]
                for name in child
                if name.split("/")[1].isdigit() and int(name.split("/")[1]) < blocks - 1
            )
            for parent in points[:number]
        )
    genotype = space.decode(points[beam])
    assert len(genotype.normal.blocks) == 2


def test_edges_that_are_not_there_are_none_and_are_added_one_by_one() -> None:
    points = run(new_study(), Progressive(EDGES, seed=0, beam=8, epochs=20), 32, edges_score)
    there = [sum(v != "none" for v in p.values()) for p in points]
    assert there == [b for b in (1, 2, 3, 4) for _ in range(8)]
    for number in range(8, 32):
        assert any(
            sum(points[number][k] != q[k] for k in q) == 1 and there[i] == there[number] - 1
            for i, q in enumerate(points[:number])
        )


def test_after_the_last_level_it_goes_on_and_finds_what_is_best() -> None:
    points = run(new_study(), Progressive(EDGES, seed=0, beam=6), 60, edges_score)
    assert dict.fromkeys(points[0], "conv") in points
    assert len({tuple(p.values()) for p in points}) == 60


def test_the_surrogate_chooses_among_all_that_can_grow() -> None:
    """With a beam of a few, chosen cells score above cells drawn from the same level."""
    space = published.find("pnas", 3, growable=True)
    chosen, drawn = [], []
    for seed in range(3):
        points = run(new_study(), Progressive(space, seed=seed, beam=40, epochs=60), 80, _identity)
        chosen += [_identity(p) for p in points[40:]]
        rng = np.random.default_rng(seed)
        beam = np.array([space.indices(p) for p in points[:40]])
        rows = space.growth.grown(beam, rng, 10_000)
        drawn += [_identity(space.from_indices(r)) for r in rows[rng.integers(len(rows), size=200)]]
    assert stats.mannwhitneyu(chosen, drawn, alternative="greater").pvalue < 1e-6


def _identity(point: dict) -> float:
    """The share of identities among the operations of the blocks that are there."""
    there = [
        value
        for name, value in point.items()
        if name.endswith("operation") and int(name.split("/")[1]) < point["cell/blocks"]
    ]
    return there.count("identity") / len(there)


def test_growth_lists_what_the_paper_counts() -> None:
    """Liu et al. 2018, section 3.1: |B_b| = |I_b|^2 |O|^2, with |I_b| = b + 1 and 8 operations."""
    growth, rng = published.find("pnas", 5, growable=True).growth, np.random.default_rng(0)
    rows = growth.first(rng, 10**6)
    assert len(rows) == len(np.unique(rows, axis=0)) == 256
    for blocks, count in ((2, 576), (3, 1024), (4, 1600), (5, 2304)):
        rows = growth.grown(rows[:1], rng, 10**6)
        assert len(rows) == count
        assert growth.levels(rows).tolist() == [blocks] * count
    assert len(growth.grown(rows[:1], rng, 10**6)) == 0


def test_two_cells_get_their_blocks_in_turn() -> None:
    space = published.find("darts", 3, growable=True)
    growth, rng = space.growth, np.random.default_rng(0)
    rows, sizes = growth.first(rng, 100), []
    while len(rows):
        cells = space.decode(space.from_indices(rows[0].tolist()))
        sizes.append((len(cells.normal.blocks), len(cells.reduction.blocks)))
        rows = growth.grown(rows[:3], rng, 100)
        assert len(rows) <= 100
    assert sizes == [(1, 1), (2, 1), (2, 2), (3, 2), (3, 3)]


def test_cells_of_a_growable_space_are_equal_where_what_is_there_is() -> None:
    space, rng = published.find("pnas", 3, growable=True), np.random.default_rng(0)
    point = {**space.random(rng), "cell/blocks": 2}
    for _ in range(20):
        other = {**space.random(rng), "cell/blocks": 2}
        other |= {n: v for n, v in point.items() if n.startswith(("cell/0", "cell/1"))}
        assert space.canonical_key(other) == space.canonical_key(point)
    assert space.canonical_key({**point, "cell/blocks": 3}) != space.canonical_key(point)
    small = published.find("pnas", 2)
    part = {d.name: point[d.name] for d in small.decisions}
    assert small.canonical_key(part) == space.canonical_key(point)


@pytest.mark.parametrize("name", SURROGATES)
def test_surrogates_rank_larger_cells_than_they_have_seen(name: str) -> None:
    space, rng = published.find("pnas", 3, growable=True), np.random.default_rng(0)
    growth = space.growth
    small = growth.first(rng, 300)
    both = np.concatenate([small, growth.grown(small[:20], rng, 150)])
    large = growth.grown(both[-100:], rng, 200)
    surrogate = SURROGATES[name](growth, 16, 0.01, 30)

    def scores(rows: np.ndarray) -> np.ndarray:
        return np.array([_identity(space.from_indices(r.tolist())) for r in rows])

    surrogate.fit(both, normal_scores(scores(both)), rng)
    assert stats.spearmanr(surrogate.predict(large), scores(large)).statistic > 0.6


def test_the_gradient_of_the_lstm_is_right() -> None:
    """Against differences of the loss, of which each network counts other sequences."""
    rng = np.random.default_rng(0)
    networks = LSTMEnsembleRegressor(
        words=5, units=3, learning_rate=0.01, epochs=1, seeds=[0, 1], dtype=np.float64
    )
    inputs = rng.integers(-1, 5, size=(6, 4))
    inputs[3] = inputs[1]  # Equal ones, and such as have a beginning in common.
    inputs[4, :3] = inputs[1, :3]
    targets = rng.normal(size=6)
    counted = np.array([[True] * 6, [True] * 4 + [False] * 2])
    twice = np.stack([inputs] * 2), np.stack([targets] * 2)
    gradient = networks.gradient(*twice, counted)

    def loss() -> float:
        errors = (networks.predict(inputs) - targets) ** 2 / 2
        return float(sum(np.mean(row[there]) for row, there in zip(errors, counted, strict=True)))

    for i in range(0, len(networks.weights), 7):
        before, values = networks.weights[i], []
        for change in (1e-5, -1e-5):
            networks.weights[i] = before + change
            values.append(loss())
        networks.weights[i] = before
        assert gradient[i] == pytest.approx((values[0] - values[1]) / 2e-5, abs=1e-7)


def test_the_lstm_is_that_of_keras() -> None:
    networks = LSTMEnsembleRegressor(
        words=7, units=4, learning_rate=0.01, epochs=1, seeds=[3, 4], dtype=np.float64
    )
    rng = np.random.default_rng(1)
    networks.weights += rng.normal(size=networks.weights.shape)
    inputs = rng.integers(0, 7, size=(5, 6))
    for member, found in enumerate(networks.predict(inputs)):
        parts = [part[member] for part in networks._parts(networks.weights)]
        words, recurrent, biases, head, last = parts
        layer = keras.layers.LSTM(4, dtype="float64")
        # A word's part of the gates is its row; Keras has input, forget, new, output.
        order = np.r_[0:4, 4:8, 12:16, 8:12]
        layer.build((None, 6, 7))
        layer.set_weights([words[:, order], recurrent[:, order], biases[order]])
        expected = np.asarray(layer(np.eye(7)[inputs])) @ head + last
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_the_lstm_predicts_long_sequences_in_the_memory_of_short_ones() -> None:
    """It is asked of thousands of candidates at once; only a gradient needs all steps."""
    networks = LSTMEnsembleRegressor(
        words=5, units=32, learning_rate=0.01, epochs=1, seeds=range(5)
    )
    peaks = []
    for steps in (8, 64):
        inputs = np.random.default_rng(0).integers(5, size=(2000, steps)).astype(np.int16)
        tracemalloc.start()
        networks.predict(inputs)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


@pytest.mark.parametrize("settings", [{}, {"surrogate": "mlp"}, {"preset": "paper"}])
def test_a_setting_that_would_have_no_effect_is_refused(settings: dict) -> None:
    with pytest.raises(UserError, match=r"strategy\.progressive\.learning_rate: .*lstm"):
        Progressive(EDGES, learning_rate=0.02, **settings)
    chosen = Progressive(EDGES, learning_rate=0.02, **{**settings, "surrogate": "lstm"})
    assert chosen.settings.learning_rate == 0.02


def test_failed_trials_do_not_stop_a_level() -> None:
    points = run(
        new_study(),
        Progressive(EDGES, seed=0, beam=8, epochs=10),
        60,
        lambda p: None if p["edge1"] == "conv" else edges_score(p),
    )
    assert any(sum(v != "none" for v in p.values()) == 4 for p in points)


def test_who_asks_early_is_given_the_next_best() -> None:
    study, strategy = new_study(), Progressive(EDGES, seed=0, beam=4)
    asked = []
    for number in range(8):
        asked.append(trials.propose(study, strategy, EDGES, number))
        trials.begin(study, EDGES, asked[-1])
    assert all(sum(v != "none" for v in p.values()) == 1 for p in asked)
    assert len({tuple(p.values()) for p in asked}) == 8


def test_a_configuration_makes_its_space_growable() -> None:
    values = {"strategy": {"type": "progressive"}, "space": {"name": "pnas"}}
    names = [d.name for d in resolve.resolve(schema.from_values(values, "test")).space.decisions]
    assert names[0] == "cell/blocks"
    values["strategy"] = {"type": "random"}
    names = [d.name for d in resolve.resolve(schema.from_values(values, "test")).space.decisions]
    assert "cell/blocks" not in names


def test_a_beam_of_one_begins_with_a_single_result() -> None:
    points = run(new_study(), Progressive(EDGES, seed=0, beam=1, epochs=5), 12, edges_score)
    assert [sum(v != "none" for v in p.values()) for p in points[:4]] == [1, 2, 3, 4]


def test_it_beats_random_search() -> None:
    space = published.find("nasnet", 3)

    def best(strategy: Strategy) -> float:
        return max(map(share_of_identity, run(new_study(), strategy, 150)))

    found = best(Progressive(space, seed=0, beam=10, epochs=50, candidates=2000))
    assert found > max(best(RandomSearch(space, seed=seed)) for seed in range(3))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"beam": 0}, r"progressive\.beam: 0 is too small"),
        ({"learning_rate": 0.0}, r"learning_rate: 0\.0 is too small; use more than 0"),
        ({"surrogate": "mpl"}, r"surrogate.*mpl.*mlp"),
        ({"preset": "papers"}, r"preset.*papers.*paper"),
    ],
)
def test_settings_are_checked(settings: dict, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        Progressive(EDGES, **settings)
