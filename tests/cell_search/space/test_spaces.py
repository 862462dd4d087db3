"""The spaces, counted as the papers count them, and their canonical keys."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cell_search.space import published as spaces
from cells.genotype import catalogue, genotype_file
from cells.genotype.canonical import canonical_key, cell_key
from cells.genotype.genotype import Block, Cell, Genotype, Side
from cells.network.stack import stack
from cells.network.stack_config import StackConfig
from cells.operations.operations import OPERATIONS
from cells.support.errors import UserError


def test_nasnet_space_has_2_times_5b_decisions_over_13_operations() -> None:
    """Zoph et al. 2018, section 3.1: 5 decisions a block, B = 5, two cells."""
    space = spaces.find("nasnet")
    assert len(space.decisions) == 2 * 5 * 5
    assert [d.name for d in space.decisions[:5]] == [
        "normal/0/left/input",
        "normal/0/right/input",
        "normal/0/left/operation",
        "normal/0/right/operation",
        "normal/0/combination",
    ]
    assert space.decisions[25].name == "reduction/0/left/input"
    assert len(space.decisions[2].choices) == 13
    # Inputs: block b chooses among the 2 inputs of the cell and b earlier blocks.
    one_cell = math.prod((b + 2) ** 2 * 13**2 * 2 for b in range(5))
    assert space.size == one_cell**2


def test_pnas_space_has_the_published_size() -> None:
    """Liu et al. 2018, section 3.1: |B_b| = 4, 9, 16, 25, 36 times 64: 5.6e14 cells for B = 5."""
    space = spaces.find("pnas")
    assert [len(d.choices) for d in space.decisions if d.kind == "operation"] == [8] * 10
    assert space.size == pytest.approx(5.6e14, rel=0.02)
    assert not any(d.kind == "combination" for d in space.decisions)


def test_pnas_space_has_256_cells_of_one_block_136_up_to_symmetry() -> None:
    space = spaces.find("pnas", 1)
    points = _all_points(space)
    assert len(points) == space.size == 256
    assert len({space.canonical_key(point) for point in points}) == 136


def test_enas_space_has_two_inputs_and_two_of_five_operations_a_block() -> None:
    """Pham et al. 2018, section 2.4, with 5 blocks behind the two inputs of a cell."""
    space = spaces.find("enas")
    one_cell = math.prod((b + 2) ** 2 * 25 for b in range(5))
    assert space.size == one_cell**2
    assert not any(d.kind == "combination" for d in space.decisions)


def test_darts_space_has_the_published_size() -> None:
    """Liu et al. 2019, section 3.1: "about 10^9" cells; 180 wirings times 7^8 operations."""
    space = spaces.find("darts")
    assert [len(d.choices) for d in space.decisions if d.kind == "input"] == [3, 6, 10] * 2
    assert space.size == (180 * 7**8) ** 2
    assert math.sqrt(space.size) == pytest.approx(1.04e9, rel=0.01)


@pytest.mark.parametrize("name", ["darts_v1", "darts_v2", "p_darts", "snas_mild", "gdas_v1"])
def test_published_darts_cells_are_points_of_the_darts_space(name: str) -> None:
    genotype = catalogue.load(name)
    space = spaces.find("darts")
    point = {}
    for role, cell in genotype.cells:
        for b, block in enumerate(cell.blocks):
            first, second = sorted((s for _, s in block.sides), key=lambda s: s.input)
            point[f"{role}/{b}/inputs"] = f"{first.input}+{second.input}"
            point[f"{role}/{b}/left/operation"] = first.operation
            point[f"{role}/{b}/right/operation"] = second.operation
    point = {d.name: point[d.name] for d in space.decisions}
    assert all(point[d.name] in d.choices for d in space.decisions)
    assert canonical_key(space.decode(point)) == canonical_key(genotype)


def _all_points(space) -> list[dict]:
    names = [d.name for d in space.decisions]
    choices = [d.choices for d in space.decisions]
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*choices)]


def test_pnasnet_5_is_a_point_of_the_pnas_space() -> None:
    published = catalogue.load("pnasnet_5")
    point = {}
    for b, block in enumerate(published.normal.blocks):
        for name, side in block.sides:
            point[f"cell/{b}/{name}/input"] = side.input
            point[f"cell/{b}/{name}/operation"] = side.operation
    decoded = spaces.find("pnas").decode(point, name=published.name)
    assert decoded == published


def test_nasnet_a_is_a_point_of_the_nasnet_space_up_to_what_its_code_joins() -> None:
    """The paper joins the states that nobody reads; the published code also joins others."""
    published = catalogue.load("nasnet_a")
    point = {}
    for cell_name, cell in published.cells:
        for b, block in enumerate(cell.blocks):
            point[f"{cell_name}/{b}/combination"] = block.combine
            for name, side in block.sides:
                point[f"{cell_name}/{b}/{name}/input"] = side.input
                point[f"{cell_name}/{b}/{name}/operation"] = side.operation
    decoded = spaces.find("nasnet").decode(point)
    assert decoded.normal.blocks == published.normal.blocks
    assert decoded.reduction.blocks == published.reduction.blocks
    assert decoded.normal.concat == (2, 3, 4, 5, 6)
    assert decoded.reduction.concat == (4, 5, 6)


@pytest.mark.parametrize("name", ["amoebanet_a", "amoebanet_c"])
def test_amoebanets_are_points_of_their_space_up_to_a_bottleneck(name: str) -> None:
    """The published code narrows 1x7-7x1 convolutions; the paper does not say so."""
    published = catalogue.load(name)
    point = {}
    for cell_name, cell in published.cells:
        for b, block in enumerate(cell.blocks):
            for side_name, side in block.sides:
                point[f"{cell_name}/{b}/{side_name}/input"] = side.input
                point[f"{cell_name}/{b}/{side_name}/operation"] = side.operation.removeprefix(
                    "bottleneck_"
                )
    space = spaces.find("amoebanet")
    assert set(point) == {d.name for d in space.decisions}
    decoded = space.decode(point)
    assert decoded.stacking == published.stacking
    for (_, ours), (_, theirs) in zip(decoded.cells, published.cells, strict=True):
        assert set(ours.concat) <= set(theirs.concat), "what nobody reads is joined there, too"


@pytest.mark.parametrize("name", list(spaces.SPACES))
@given(seed=st.integers(0, 2**32), blocks=st.integers(1, 7))
@settings(max_examples=50, deadline=None)
def test_every_point_is_a_genotype_that_can_be_laid_out(name: str, seed: int, blocks: int) -> None:
    space = spaces.find(name, blocks)
    genotype = space.decode(space.random(np.random.default_rng(seed)))
    assert genotype_file.parse(genotype_file.dumps(genotype)) == genotype
    assert genotype.stacking == space.rules.stacking
    for _, cell in genotype.cells:
        assert len(cell.blocks) == blocks
        assert set(cell.unread) <= set(cell.concat) | {0, 1}
    if name == "nasnet":
        assert all(cell.concat == cell.unread for _, cell in genotype.cells)
    config = StackConfig(normal_cells=1, filters=4, stem_filters=12)
    assert "logits" in stack(genotype, config).outputs


def test_canonical_keys_are_exact_for_all_cells_of_three_blocks() -> None:
    """Compared with a search through all orders of blocks and sides, for one operation.

    One operation only: the structure is what could be told apart wrongly.
    """
    cells = []
    inputs = [list(itertools.product(range(b + 2), repeat=2)) for b in range(3)]
    for pairs in itertools.product(*inputs):
        blocks = tuple(Block(Side(i, "identity"), Side(j, "identity")) for i, j in pairs)
        cells.append(Cell(blocks, Cell(blocks, ()).unread))
    keys = [cell_key(cell) for cell in cells]
    brute = [_least_description(cell) for cell in cells]
    classes: dict[str, str] = {}
    for key, description in zip(keys, brute, strict=True):
        assert classes.setdefault(key, description) == description, "two cells share a key"
    assert len(set(keys)) == len(set(brute)), "one cell has two keys"


@given(seed=st.integers(0, 2**32), blocks=st.integers(2, 5), operations=st.integers(1, 3))
@settings(max_examples=200, deadline=None)
def test_canonical_key_does_not_see_order(seed: int, blocks: int, operations: int) -> None:
    rng = np.random.default_rng(seed)
    some = list(OPERATIONS)[:operations]

    def side(b: int) -> Side:
        return Side(int(rng.integers(b + 2)), some[rng.integers(len(some))])

    listed = tuple(
        Block(side(b), side(b), ("add", "concat")[rng.integers(2)]) for b in range(blocks)
    )
    cell = Cell(listed, Cell(listed, ()).unread)
    assert cell_key(cell) == cell_key(_shuffled(cell, rng))


def _shuffled(cell: Cell, rng: np.random.Generator) -> Cell:
    """The same cell with blocks in another possible order, and sides exchanged."""
    order: list[int] = []
    left = list(range(len(cell.blocks)))
    while left:
        ready = [
            b
            for b in left
            if all(side.input < 2 or side.input - 2 in order for _, side in cell.blocks[b].sides)
        ]
        order.append(ready[rng.integers(len(ready))])
        left.remove(order[-1])
    number = {0: 0, 1: 1, **{b + 2: i + 2 for i, b in enumerate(order)}}
    blocks = []
    for b in order:
        sides = [Side(number[s.input], s.operation) for _, s in cell.blocks[b].sides]
        if rng.integers(2):
            sides.reverse()
        blocks.append(Block(*sides, cell.blocks[b].combine))
    return Cell(tuple(blocks), tuple(sorted(number[s] for s in cell.concat)))


def _least_description(cell: Cell) -> str:
    """The smallest text over all numberings of the blocks: equal only for equal cells."""
    texts = []
    for order in itertools.permutations(range(len(cell.blocks))):
        number = {0: 0, 1: 1, **{b + 2: i + 2 for i, b in enumerate(order)}}
        lines = [
            str(sorted((number[s.input], s.operation) for _, s in cell.blocks[b].sides))
            for b in order
        ]
        texts.append(str(lines) + str(sorted(number[s] for s in cell.concat)))
    return min(texts)


def test_equal_cells_have_equal_names_and_stacks() -> None:
    space = spaces.find("nasnet")
    rng = np.random.default_rng(3)
    genotype = space.decode(space.random(rng))
    other = Genotype("other", _shuffled(genotype.normal, rng), _shuffled(genotype.reduction, rng))
    config = StackConfig(normal_cells=1, filters=4, stem_filters=12)

    def weights(g: Genotype) -> list:
        nodes = stack(g, config).nodes.values()
        return sorted((str(n.primitive), [t.channels for t in n.inputs]) for n in nodes)

    assert cell_key(genotype.normal) == cell_key(other.normal)
    assert [w for w, _ in weights(genotype)] == [w for w, _ in weights(other)]


def test_unknown_spaces_and_impossible_sizes() -> None:
    with pytest.raises(UserError, match=r"space.name: unknown 'nasnett'; did you mean 'nasnet'"):
        spaces.find("nasnett")
    with pytest.raises(UserError, match=r"space.blocks: 10000 is not in 1 to 64"):
        spaces.find("nasnet", 10_000)


@pytest.mark.parametrize("name", list(spaces.SPACES))
@pytest.mark.parametrize("growable", [False, True])
def test_encode_is_the_inverse_of_decode(name: str, growable: bool) -> None:
    space = spaces.find(name, growable=growable)
    rng = np.random.default_rng(17)
    for _ in range(50):
        point = space.random(rng)
        again = space.encode(space.decode(point))
        assert space.decode(again) == space.decode(point)
        assert growable or again == point


def test_published_cells_are_points_of_their_spaces() -> None:
    pairs = {"nasnet_a": "nasnet", "pnasnet_5": "pnas"}
    pairs |= {"enas": "enas", "darts_v2": "darts", "snas_mild": "darts"}
    pairs |= {"hand_written": "nasnet_joined"}
    for name, space in pairs.items():
        genotype = catalogue.load(name)
        there = spaces.find(space)
        brought = there.decode(there.encode(genotype))
        for (_, ours), (_, theirs) in zip(brought.cells, genotype.cells, strict=True):
            assert list(map(_unordered, ours.blocks)) == list(map(_unordered, theirs.blocks))


def _unordered(block: Block) -> tuple:
    sides = sorted((side.input, side.operation) for _, side in block.sides)
    return block.combine, *sides


@pytest.mark.parametrize(
    "name, space, sentence",
    [
        ("snas_mild", "nasnet", "normal cell: has 4 blocks, and cells of this space have 5"),
        ("nasnet_a", "pnas", "the Reduction cell differs from the Normal cell"),
        ("amoebanet_a", "enas", "operation is '"),
        ("darts_v2", "amoebanet", "has 4 blocks"),
    ],
)
def test_cells_that_do_not_fit_say_why(name: str, space: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        spaces.find(space).encode(catalogue.load(name))
