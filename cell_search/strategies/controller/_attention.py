"""Controllers with attention over nodes: one of them as ENAS's cells have it (Pham et al. 2018,
2.4), any number of them as the skip connections of whole networks (Zoph & Le 2017, 3.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from cell_search.space.cell_space import CellSpace
from cell_search.space.layerwise import DEPTH, SKIP, LayerwiseSpace
from cell_search.space.space import Decision, Space
from cell_search.strategies.controller._controller import Decided, Weighted, cut, drawn
from cells.support.errors import UserError

#: The authors' code keeps the logits of operations so many times closer to 0 than those of inputs.
_OPERATIONS_REDUCED = 2.5


@dataclass(frozen=True)
class Attended(Decided):
    """With what was computed on the way, for the way back."""

    _tape: list[_Moment]


@dataclass(frozen=True)
class _Step:
    """A step of the LSTM.

    Attributes:
        decisions: which one it makes; those of the skips to all `nodes`; none elsewhere.
        nodes: what it chooses among: nodes of its cell, by their numbers in the whole child ...
        rows: ... or rows of the one head of its kind.
        node: whether a node becomes known: an input of the cell, or a block or layer whose own
            decisions are made.
        block: whether the node is one that is attended to as what it is.
        skips: whether it says of each of `nodes` whether the node reads it.
    """

    decisions: range = range(0)
    nodes: range = range(0)
    rows: range = range(0)
    node: bool = False
    block: bool = False
    skips: bool = False

    @property
    def head(self) -> slice:
        """The rows as an index."""
        return slice(self.rows.start, self.rows.stop)


class _Moment:
    """What a step computed, for the way back."""

    #: Input, states before, gates (out, in, forget, new), states after, and the decisions: log-odds
    #: `(children, decisions, choices)`, the slope of their squashing, and what was attended to.
    x: Any
    hidden_before: Any
    state_before: Any
    gates: Any
    squashed: Any
    hidden: Any
    log_odds: Any
    slope: Any
    query: Any


class AttentionController(Weighted):
    """One layer of LSTM that knows the nodes of a cell by what it thought when they were made.

    An input is chosen by attention: node j has the logit v . tanh(W_n h_j + W_q h), with h_j the
    hidden state when it became known and h the present one. All decisions of another kind, such as
    the operation, have one head. What the next step reads is the h_j of a chosen node (0 of an
    input of the cell, as in the authors' code), an embedding of a chosen operation, or one that
    says that a node begins.

    Of a layer of a whole network all skip connections are decided at once, when it is known what
    the layer is: it reads layer j with the probability sigmoid(v . tanh(W_n h_j + W_q h)). What the
    next step reads is not said by Zoph & Le; here it is as in ENAS's search of whole networks, the
    sum of the h_j that were chosen, divided by one more than their number.

    Args:
        space: of cells of a fixed number of blocks, whose two inputs are decided apart; or of
            layer-wise networks.
        units: of the LSTM.
        limit: logits are `limit` times a tanh of what they would be, those of operations 2.5 times
            less; 0: as they are.
        dtype: of all arithmetic.

    Raises:
        UserError: the space is another.
    """

    def __init__(
        self,
        space: Space,
        units: int = 64,
        limit: float = 0.0,
        dtype: type[np.floating] = np.float32,
    ):
        self.units, self.limit = units, limit
        self._steps, total = _steps_of(space)
        self._decisions = len(space.decisions)
        u = units
        super().__init__(
            [(1 + total, u), (u, 4 * u), (u, 4 * u), (u, u), (u, u), (u,), (total, u), (total,)],
            dtype,
        )

    def sample(self, weights: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
        def choose(decision: int, log_odds: np.ndarray) -> np.ndarray:
            return drawn(np.exp(log_odds), uniforms[:, decision])

        return self._run(weights, len(uniforms), choose).choices

    def score(self, weights: np.ndarray, choices: np.ndarray) -> Attended:
        return self._run(weights, len(choices), lambda decision, _: choices[:, decision])

    def _run(
        self,
        weights: np.ndarray,
        children: int,
        choose: Callable[[int, np.ndarray], np.ndarray],
    ) -> Attended:
        p = _Parts(*cut(weights, self._shapes))
        u, each = self.units, np.arange(children)
        hidden = state = nothing = np.zeros((children, u), self.dtype)
        begin = np.broadcast_to(p.embeddings[0], hidden.shape)
        x, tape = begin, []
        anchors: list[np.ndarray] = []
        keys: list[np.ndarray] = []
        choices = np.empty((children, self._decisions), np.int64)
        log_probs, entropies = np.empty((2, children, self._decisions), self.dtype)
        for step in self._steps:
            m = _Moment()
            m.x, m.hidden_before, m.state_before = x, hidden, state
            gates = x @ p.inputs + hidden @ p.recurrent
            gates[:, : 3 * u] = 0.5 * np.tanh(0.5 * gates[:, : 3 * u]) + 0.5
            gates[:, 3 * u :] = np.tanh(gates[:, 3 * u :])
            out, into, forget, new = np.split(gates, 4, axis=1)
            state = forget * state + into * new
            m.gates, m.squashed = (out, into, forget, new), np.tanh(state)
            m.hidden = hidden = out * m.squashed
            tape.append(m)
            if step.decisions:
                logits = self._logits(step, m, keys, p)
                m.log_odds = logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))
            for part, decision in enumerate(step.decisions):
                log_odds = m.log_odds[:, part]
                chosen = choose(decision, log_odds)
                choices[:, decision] = chosen
                log_probs[:, decision] = log_odds[each, chosen]
                entropies[:, decision] = -(np.exp(log_odds) * log_odds).sum(axis=1)
            if step.skips:
                x = nothing
                if step.nodes:
                    reads = self._reads(step, choices)
                    x = np.einsum("cn,ncu->cu", reads, [anchors[j] for j in step.nodes])
            elif step.nodes:
                x = np.stack([anchors[j] for j in step.nodes])[chosen, each]
            else:
                x = begin if step.node else p.embeddings[1 + step.rows.start + chosen]
            if step.node:
                anchors.append(hidden if step.block else nothing)
                keys.append(hidden @ p.of_node)
        return Attended(choices, log_probs, entropies, tape)

    def _logits(self, step: _Step, m: _Moment, keys: list[np.ndarray], p: _Parts) -> np.ndarray:
        """`(children, decisions, choices)`, the largest of each decision 0."""
        if step.nodes:
            known = np.stack([keys[j] for j in step.nodes], axis=1)
            m.query = np.tanh(known + (m.hidden @ p.of_query)[:, None])
            logits = m.query @ p.attention
        else:
            logits = m.hidden @ p.heads[step.head].T + p.biases[step.head]
        if limit := self._limit(step):
            flat = np.tanh(logits)
            logits, m.slope = limit * flat, limit * (1.0 - flat * flat)
        # A skip is there or not: a softmax of 0 and its logit is the logit's sigmoid.
        each = np.stack([0.0 * logits, logits], axis=2) if step.skips else logits[:, None]
        return each - each.max(axis=2, keepdims=True)

    def _reads(self, step: _Step, choices: np.ndarray) -> np.ndarray:
        """By which factors a step of skips makes the next input, `(children, nodes)`."""
        read = choices[:, step.decisions].astype(self.dtype)
        return read / (1.0 + read.sum(axis=1, keepdims=True))

    def gradient(
        self,
        weights: np.ndarray,
        decided: Attended,
        by_log_probs: np.ndarray,
        by_entropies: np.ndarray,
    ) -> np.ndarray:
        p = _Parts(*cut(weights, self._shapes))
        gradient = np.zeros(self.count, self.dtype)
        g = _Parts(*cut(gradient, self._shapes))
        children = len(decided.choices)
        each = np.arange(children)
        node = sum(step.node for step in self._steps)
        by_anchors, by_keys = np.zeros((2, node, children, self.units), self.dtype)
        by_hidden = by_state = by_x = np.zeros((children, self.units), self.dtype)
        for step, m in zip(reversed(self._steps), reversed(decided._tape), strict=True):
            chosen = decided.choices[:, step.decisions]
            if step.skips:
                if step.nodes:
                    by_anchors[: len(step.nodes)] += np.einsum(
                        "cn,cu->ncu", self._reads(step, decided.choices), by_x
                    )
            elif step.nodes:
                by_anchors[step.nodes.start + chosen[:, 0], each] += by_x
            elif step.node:
                g.embeddings[0] += by_x.sum(axis=0)
            else:
                np.add.at(g.embeddings, 1 + step.rows.start + chosen[:, 0], by_x)
            if step.node:
                node -= 1
                g.of_node[:] += m.hidden.T @ by_keys[node]
                by_hidden = by_hidden + by_keys[node] @ p.of_node.T
                if step.block:
                    by_hidden += by_anchors[node]
            if step.decisions:
                gain = by_log_probs[:, step.decisions, None]
                spread = by_entropies[:, step.decisions, None]
                surprise = m.log_odds + decided.entropies[:, step.decisions, None]
                by_choices = -np.exp(m.log_odds) * (gain + spread * surprise)
                by_choices[each[:, None], range(len(step.decisions)), chosen] += gain[:, :, 0]
                by_logits = by_choices[:, :, 1] if step.skips else by_choices[:, 0]
                if self._limit(step):
                    by_logits = by_logits * m.slope
                if step.nodes:
                    g.attention[:] += np.einsum("cn,cnu->u", by_logits, m.query)
                    by_query = by_logits[:, :, None] * p.attention * (1.0 - m.query**2)
                    by_keys[step.nodes.start : step.nodes.stop] += by_query.transpose(1, 0, 2)
                    by_query = by_query.sum(axis=1)
                    g.of_query[:] += m.hidden.T @ by_query
                    by_hidden = by_hidden + by_query @ p.of_query.T
                else:
                    g.heads[step.head] += by_logits.T @ m.hidden
                    g.biases[step.head] += by_logits.sum(axis=0)
                    by_hidden = by_hidden + by_logits @ p.heads[step.head]
            out, into, forget, new = m.gates
            by_state = by_state + by_hidden * out * (1.0 - m.squashed**2)
            by_gates = np.concatenate(
                [
                    by_hidden * m.squashed * out * (1.0 - out),
                    by_state * new * into * (1.0 - into),
                    by_state * m.state_before * forget * (1.0 - forget),
                    by_state * into * (1.0 - new * new),
                ],
                axis=1,
            )
            g.inputs[:] += m.x.T @ by_gates
            g.recurrent[:] += m.hidden_before.T @ by_gates
            by_x, by_hidden = by_gates @ p.inputs.T, by_gates @ p.recurrent.T
            by_state = by_state * forget
        g.embeddings[0] += by_x.sum(axis=0)
        return gradient

    def _limit(self, step: _Step) -> float:
        return self.limit if step.nodes else self.limit / _OPERATIONS_REDUCED


def _steps_of(space: Space) -> tuple[list[_Step], int]:
    """The steps in which a child is made, and the number of rows of all heads."""
    heads: dict[tuple, range] = {}
    total = 0

    def headed(number: int, decision: Decision) -> _Step:
        nonlocal total
        key = (decision.kind, decision.choices)
        if key not in heads:
            heads[key] = range(total, total + len(decision.choices))
            total += len(decision.choices)
        return _Step(range(number, number + 1), rows=heads[key])

    if isinstance(space, LayerwiseSpace):
        return list(_of_layers(space, headed)), total
    if isinstance(space, CellSpace) and not space.growable and not space.rules.two_states:
        return list(_of_cells(space, headed)), total
    raise UserError(
        "strategy: inputs: attention needs layer-wise networks, or a space of cells of one size "
        "whose blocks choose their two inputs one by one, such as space.name=enas; use "
        "inputs=softmax"
    )


def _of_cells(space: CellSpace, headed: Callable[[int, Decision], _Step]) -> Iterator[_Step]:
    known, nodes, place = 0, 0, ("", "")
    for number, decision in enumerate(space.decisions):
        cell, _, rest = decision.name.partition("/")
        here = (cell, rest.partition("/")[0])
        if here != place and place[1]:
            yield _Step(node=True, block=True)
            known += 1
        if here[0] != place[0] and rest:
            nodes = known
            yield from [_Step(node=True)] * 2
            known += 2
        place = here
        if decision.kind == "input":
            among = range(nodes, nodes + len(decision.choices))
            yield _Step(range(number, number + 1), nodes=among)
        else:
            yield headed(number, decision)


def _of_layers(space: LayerwiseSpace, headed: Callable[[int, Decision], _Step]) -> Iterator[_Step]:
    layers = [f"layer_{n}" for n in range(1, space.layers + 1)]
    of: dict[str, list[tuple[int, Decision]]] = {DEPTH: [], **{name: [] for name in layers}}
    for number, decision in enumerate(space.decisions):
        of.setdefault(decision.name.partition("/")[0], []).append((number, decision))
    for place, decisions in of.items():
        skips = [number for number, decision in decisions if decision.kind == SKIP]
        yield from (headed(n, decision) for n, decision in decisions if n not in skips)
        if place in layers:
            among = range(skips[0], skips[-1] + 1) if skips else range(0)
            yield _Step(among, nodes=range(len(skips)), node=True, block=True, skips=True)


@dataclass(frozen=True)
class _Parts:
    """Weights; the first embedding says that a node begins, the others have the heads' rows."""

    embeddings: np.ndarray
    inputs: np.ndarray
    recurrent: np.ndarray
    of_node: np.ndarray
    of_query: np.ndarray
    attention: np.ndarray
    heads: np.ndarray
    biases: np.ndarray
