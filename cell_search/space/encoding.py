"""Points as vectors of counts: what a model sees of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from cell_search.space.space import Decision


class Column(NamedTuple):
    """What is counted.

    Attributes:
        place: where in a candidate it is: a decision, an edge of a cell.
        what: what is there. Equal things at different places are alike.
    """

    place: Hashable
    what: Hashable


class Term(NamedTuple):
    """Some decisions that add 1 to one column.

    Attributes:
        names: of the decisions.
        column: the column of a choice for each of them.
    """

    names: tuple[str, ...]
    column: Callable[..., Column]

    @classmethod
    def of(cls, decision: Decision) -> Term:
        """A flat decision: a column for each choice. Decisions of one kind with the same choices
        differ in their place only."""
        alike = (decision.kind, decision.choices)
        columns = {c: Column(decision.name, (*alike, i)) for i, c in enumerate(decision.choices)}
        return cls((decision.name,), columns.__getitem__)


class Encoding:
    """The vectors of a space's points: for each column the number of terms that add to it.

    Args:
        decisions: of the space, in order.
        terms: any number, each of which adds 1 to the vector of every point.

    Attributes:
        columns: in the order of a vector.
        total: the sum of each vector.
    """

    def __init__(self, decisions: Sequence[Decision], terms: Sequence[Term]):
        number = {d.name: i for i, d in enumerate(decisions)}
        found: dict[Column, int] = {}
        self._terms: list[tuple[list[int], np.ndarray]] = []
        for term in terms:
            choices: list[Any] = [decisions[number[name]].choices for name in term.names]
            columns = [
                found.setdefault(term.column(*chosen), len(found))
                for chosen in itertools.product(*choices)
            ]
            table = np.array(columns).reshape([len(c) for c in choices])
            self._terms.append(([number[name] for name in term.names], table))
        self.columns = tuple(found)
        self.total = len(self._terms)

    @classmethod
    def flat(cls, decisions: Sequence[Decision]) -> Encoding:
        """One-hot vectors of the decisions.

        Args:
            decisions: in their order.
        """
        return cls(decisions, [Term.of(d) for d in decisions])

    def __call__(self, indices: np.ndarray) -> np.ndarray:
        """Points as vectors.

        Args:
            indices: int `(n, decisions)`, rows of `Space.indices`.

        Returns:
            float64 `(n, columns)`.
        """
        vectors = np.zeros((len(indices), len(self.columns)))
        rows = np.arange(len(indices))
        for decisions, table in self._terms:
            # No row occurs twice in one term, so plain indexing counts right.
            vectors[rows, table[tuple(indices[:, i] for i in decisions)]] += 1.0
        return vectors
