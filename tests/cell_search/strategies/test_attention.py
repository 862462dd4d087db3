"""The controller of ENAS: attention over nodes, one head for all operations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats
from strategy_contract import new_study, run, share_of_identity

from cell_search.space import published
from cell_search.space.layerwise import LayerwiseSpace
from cell_search.space.space import Decision, Space
from cell_search.strategies import Reinforce
from cell_search.strategies.controller._attention import AttentionController
from cells.support.errors import UserError


def by_hand(controller: AttentionController, weights: np.ndarray, child: np.ndarray, blocks: int):
    """The distributions of one child's decisions, as the authors' code goes from step to step:
    two steps for the inputs of a cell, then for each block two inputs, two operations, and a
    step for the block itself. Which weight is which is told by the order of the vector alone."""
    u, ops, limit = controller.units, 5, controller.limit
    sizes = [(1 + ops) * u, 4 * u * u, 4 * u * u, u * u, u * u, u, ops * u, ops]
    e, w_x, w_h, w_1, w_2, v, head, bias = np.split(weights, np.cumsum(sizes)[:-1])
    e, head = e.reshape(1 + ops, u), head.reshape(ops, u)
    w_x, w_h, w_1, w_2 = (
        w_x.reshape(u, 4 * u),
        w_h.reshape(u, 4 * u),
        w_1.reshape(u, u),
        w_2.reshape(u, u),
    )

    def sigmoid(a):
        return 1.0 / (1.0 + np.exp(-a))

    def softmax(a):
        return np.exp(a) / np.exp(a).sum()

    def bounded(a, constant):
        return constant * np.tanh(a) if constant else a

    h = c = np.zeros(u)
    x, found, decision = e[0], [], 0

    def step():
        nonlocal h, c
        o, i, f, g = np.split(x @ w_x + h @ w_h, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)

    for _ in ("normal", "reduction"):
        read, attended = [], []
        for _ in range(2):
            x = e[0]
            step()
            read.append(np.zeros(u))
            attended.append(h @ w_1)
        x = e[0]
        for b in range(blocks):
            for _ in range(2):
                step()
                logits = np.array([v @ np.tanh(key + h @ w_2) for key in attended])
                assert len(logits) == b + 2
                found.append(softmax(bounded(logits, limit)))
                x = read[child[decision]]
                decision += 1
            for _ in range(2):
                step()
                found.append(softmax(bounded(head @ h + bias, limit / 2.5)))
                x = e[1 + child[decision]]
                decision += 1
            if len(found) < len(child):
                step()
                read.append(h)
                attended.append(h @ w_1)
                x = e[0]
    return found


@pytest.mark.parametrize("limit", [0.0, 1.1])
def test_probabilities_and_entropies_by_hand(limit: float) -> None:
    controller = AttentionController(published.named("enas", 3), 6, limit, np.float64)
    rng = np.random.default_rng(0)
    weights = controller.initial(0.9, rng)
    children = controller.sample(weights, rng.random((4, 24)))
    decided = controller.score(weights, children)
    for child, log_probs, entropies in zip(
        children, decided.log_probs, decided.entropies, strict=True
    ):
        expected = by_hand(controller, weights, child, 3)
        chosen = [np.log(p[i]) for p, i in zip(expected, child, strict=True)]
        np.testing.assert_allclose(log_probs, chosen, rtol=1e-10)
        np.testing.assert_allclose(entropies, [stats.entropy(p) for p in expected], rtol=1e-10)


#: Three kinds of filters, two of heights, one of widths.
LAYERS = LayerwiseSpace(layers=3, sizes=(1, 3), filters=(8, 12, 16), first_layers=2, every=0)


def skips_by_hand(controller: AttentionController, weights: np.ndarray, child: np.ndarray):
    """The probabilities of what one child of `LAYERS` chose, decision by decision: the depth, then
    for each layer height, width and filters, each with the head of its kind, then a step for the
    layer, in which each earlier one is read with a sigmoid's probability (Zoph & Le 2017, 3.3)."""
    u, rows = controller.units, 2 + 2 + 2 + 3
    sizes = [(1 + rows) * u, 4 * u * u, 4 * u * u, u * u, u * u, u, rows * u, rows]
    e, w_x, w_h, w_1, w_2, v, head, bias = np.split(weights, np.cumsum(sizes)[:-1])
    e, head = e.reshape(1 + rows, u), head.reshape(rows, u)
    w_x, w_h = w_x.reshape(u, 4 * u), w_h.reshape(u, 4 * u)
    w_1, w_2 = w_1.reshape(u, u), w_2.reshape(u, u)
    h = c = np.zeros(u)

    def sigmoid(a):
        return 1.0 / (1.0 + np.exp(-a))

    def step(x):
        nonlocal h, c
        o, i, f, g = np.split(x @ w_x + h @ w_h, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)

    found, made, x = [], iter(child), e[0]

    def decide(first: int, count: int) -> None:
        nonlocal x
        step(x)
        odds = np.exp(head[first : first + count] @ h + bias[first : first + count])
        choice = next(made)
        found.append(odds[choice] / odds.sum())
        x = e[1 + first + choice]

    decide(0, 2)
    anchors: list[np.ndarray] = []
    for _ in range(3):
        for first, count in ((2, 2), (4, 2), (6, 3)):
            decide(first, count)
        step(x)
        read = [next(made) for _ in anchors]
        for anchor, is_read in zip(anchors, read, strict=True):
            yes = sigmoid(v @ np.tanh(anchor @ w_1 + h @ w_2))
            found.append(yes if is_read else 1.0 - yes)
        x = sum((a for a, r in zip(anchors, read, strict=True) if r), np.zeros(u)) / (1 + sum(read))
        anchors.append(h)
    return found


def test_skip_connections_by_hand() -> None:
    controller = AttentionController(LAYERS, 5, 0.0, np.float64)
    rng = np.random.default_rng(0)
    weights = controller.initial(0.9, rng)
    children = controller.sample(weights, rng.random((6, len(LAYERS.decisions))))
    decided = controller.score(weights, children)
    for child, log_probs in zip(children, decided.log_probs, strict=True):
        expected = skips_by_hand(controller, weights, child)
        np.testing.assert_allclose(log_probs, np.log(expected), rtol=1e-10)
    small = AttentionController(LayerwiseSpace(layers=3, sizes=(3,), filters=(8,)), 3, 1.1)
    everything = np.array(list(itertools.product(*[(0, 1)] * 3)))
    weights = small.initial(0.9, rng)
    sure = np.exp(small.score(weights, everything).log_probs.sum(axis=1)).sum()
    assert sure == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("space", [published.named("nasnet", 1), LAYERS], ids=["cells", "layers"])
@pytest.mark.parametrize("limit", [0.0, 1.1])
def test_gradients_against_finite_differences(limit: float, space: Space) -> None:
    controller = AttentionController(space, 2, limit, np.float64)
    rng = np.random.default_rng(1)
    weights = controller.initial(0.9, rng)
    decisions = len(space.decisions)
    children = controller.sample(weights, rng.random((3, decisions)))
    decided = controller.score(weights, children)
    by_log_probs, by_entropies = rng.normal(size=(2, 3, decisions))

    def objective(w: np.ndarray) -> float:
        d = controller.score(w, children)
        return float((by_log_probs * d.log_probs + by_entropies * d.entropies).sum())

    steps = 1e-5 * np.eye(controller.count)
    slopes = [(objective(weights + s) - objective(weights - s)) / 2e-5 for s in steps]
    gradient = controller.gradient(weights, decided, by_log_probs, by_entropies)
    np.testing.assert_allclose(gradient, slopes, atol=1e-7)


def test_children_are_drawn_with_probabilities_that_sum_to_one() -> None:
    space = published.named("enas", 1)
    controller = AttentionController(space, 4, 1.1, np.float64)
    weights = controller.initial(1.5, np.random.default_rng(2))
    everything = np.array(
        list(itertools.product(*(range(len(d.choices)) for d in space.decisions)))
    )
    probabilities = np.exp(controller.score(weights, everything).log_probs.sum(axis=1))
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-10)
    drawn = controller.sample(weights, np.random.default_rng(0).random((20_000, 8)))
    for decision in range(8):
        expected = np.bincount(everything[:, decision], probabilities)
        counts = np.bincount(drawn[:, decision], minlength=len(expected))
        assert stats.chisquare(counts, 20_000 * expected).pvalue > 1e-4


def test_the_limit_bounds_the_odds() -> None:
    """Logits of inputs within +-1.1, of operations within +-0.44, however large the weights."""
    controller = AttentionController(published.named("enas", 2), 4, 1.1, np.float64)
    rng = np.random.default_rng(3)
    weights = controller.initial(50.0, rng)
    log_probs = controller.score(weights, rng.integers(2, size=(100, 16))).log_probs
    operations = log_probs[:, [2, 3, 6, 7]]
    assert operations.min() >= np.log(1 / (1 + 4 * np.exp(0.88))) - 1e-9
    assert log_probs[:, [0, 1]].min() >= np.log(1 / (1 + np.exp(2.2))) - 1e-9
    assert operations.min() < np.log(0.12), "the weights were large"


def test_it_learns_which_operation_is_better() -> None:
    space = published.named("enas", 2)
    strategy = Reinforce(space, seed=0, units=16, inputs="attention", attempts=1)
    points = run(new_study(), strategy, 200, share_of_identity)
    shares = [share_of_identity(point) for point in points]
    assert np.mean(shares[:50]) < 0.4 < 0.6 < np.mean(shares[-50:])


def test_other_spaces_and_several_layers_are_refused() -> None:
    sentence = "attention needs layer-wise networks, or a space of cells of one size"
    for space in (Space((Decision("a", (1, 2)),)), published.named("darts", 2)):
        with pytest.raises(UserError, match=sentence):
            Reinforce(space, inputs="attention")
    with pytest.raises(UserError, match=r"reinforce\.layers: inputs=attention has 1, not 2"):
        Reinforce(published.named("enas", 2), inputs="attention", layers=2)


def test_a_further_draw_is_another_and_is_the_same_each_time() -> None:
    strategy = Reinforce(
        published.named("enas", 5), seed=3, preset="paper", layers=1, inputs="attention"
    )
    first = strategy.propose(np.random.default_rng([3, 7, 0]))
    assert strategy.another(7) == strategy.another(7)
    assert len({tuple(p.values()) for p in (first, strategy.another(7), strategy.another(8))}) == 3
