"""Vectors of points: flat decisions one-hot, cells by their edges."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from cell_search.space import published
from cell_search.space.cell_space import CellSpace
from cell_search.space.encoding import Encoding
from cell_search.space.space import Decision
from cells.genotype.genotype import Genotype

ALL = [published.find(name, 3) for name in ("nasnet", "pnas", "darts")]


def _edges(space: CellSpace, genotype: Genotype) -> Counter:
    """How often each block of a genotype applies an operation to a state."""
    roles = {"normal": genotype.normal, "reduction": genotype.reduction, "cell": genotype.normal}
    return Counter(
        (f"{cell}/{b}", side.input, side.operation)
        for cell in space.rules.cells
        for b, block in enumerate(roles[cell].blocks)
        for side in (block.left, block.right)
    )


def test_flat_decisions_are_one_hot() -> None:
    decisions = [Decision("a", (1, 2, 3)), Decision("b", ("x", "y"))]
    indices = np.array([[2, 0], [0, 1]])
    np.testing.assert_array_equal(
        Encoding.flat(decisions)(indices), [[0, 0, 1, 1, 0], [1, 0, 0, 0, 1]]
    )


@pytest.mark.parametrize("space", ALL, ids=lambda space: space.rules.name)
def test_a_cell_is_its_edges(space: CellSpace) -> None:
    columns = space.encoding.columns
    rng = np.random.default_rng(0)
    for _ in range(10):
        point = space.random(rng)
        vector = space.encoding(np.array([space.indices(point)]))[0]
        assert vector.sum() == space.encoding.total
        found = {
            (column.place[0], column.place[2], column.what[1]): count
            for column, count in zip(columns, vector, strict=True)
            if count and isinstance(column.place, tuple) and column.place[1] == "edge"
        }
        assert found == _edges(space, space.decode(point))


@pytest.mark.parametrize("name", ["nasnet", "pnas"])
def test_the_order_of_the_two_sides_does_not_count(name: str) -> None:
    space = published.find(name, 3)
    rng = np.random.default_rng(1)
    point = space.random(rng)
    swap = {"left": "right", "right": "left"}
    swapped = {
        "/".join(swap.get(part, part) for part in key.split("/")): choice
        for key, choice in point.items()
    }
    one, other = space.encoding(np.array([space.indices(point), space.indices(swapped)]))
    assert point != swapped and space.canonical_key(point) == space.canonical_key(swapped)
    np.testing.assert_array_equal(one, other)


def test_a_replaced_state_takes_one_edge_along() -> None:
    """In DARTS the sides follow the order of the states, but an edge keeps its operation."""
    space = published.find("darts")
    place = [d.name for d in space.decisions].index("normal/2/inputs")
    pairs = [set(str(c).split("+")) for c in space.decisions[place].choices]
    rng = np.random.default_rng(2)
    point = np.array(space.indices(space.random(rng)))
    for old in range(len(pairs)):
        point[place] = old
        for new in range(len(pairs)):
            row = space.changed(point[None], np.array([place]), np.array([new]))[0]
            assert row[place] == new
            before, after = (
                _edges(space, space.decode(space.from_indices(r.tolist()))) for r in (point, row)
            )
            assert (after - before).total() == 2 - len(pairs[old] & pairs[new])


def test_cells_that_can_grow_and_other_spaces_are_flat() -> None:
    for space in (published.find("nasnet", 2, growable=True), published.named("nas_bench_201")):
        sizes = [len(d.choices) for d in space.decisions]
        assert len(space.encoding.columns) == sum(sizes)
        assert space.encoding.total == len(sizes)
