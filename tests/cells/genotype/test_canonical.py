"""The normal form of genotypes: equal keys for equal functions, and for nothing else."""

from __future__ import annotations

import itertools
import random

import keras
import numpy as np
from genotype_strategies import random_cells, random_genotypes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cells.genotype import catalogue
from cells.genotype.canonical import canonical, canonical_cell, canonical_key
from cells.genotype.genotype import Block, Cell, Genotype, Side
from cells.network import presets
from cells.network.build import build_network
from cells.weights.by_layer import weighted_layers


def shuffled(cell: Cell, rng: random.Random) -> tuple[Cell, dict[int, int], dict[int, bool]]:
    """The cell with blocks in another valid order and sides exchanged at random.

    Also gives the new state of each old one, and whether the sides of its block were exchanged.
    """
    states = range(2, len(cell.blocks) + 2)
    order: list[int] = []
    while len(order) < len(cell.blocks):
        ready = [
            s
            for s in states
            if s not in order
            and all(
                i < 2 or i in order for i in (side.input for _, side in block_of(cell, s).sides)
            )
        ]
        order.append(rng.choice(ready))
    new = {0: 0, 1: 1, **{old: i for i, old in enumerate(order, 2)}}
    exchanged = {s: rng.random() < 0.5 for s in states}
    blocks = []
    for old in order:
        sides = [Side(new[s.input], s.operation) for _, s in block_of(cell, old).sides]
        if exchanged[old]:
            sides.reverse()
        blocks.append(Block(*sides, combine=block_of(cell, old).combine))
    return Cell(tuple(blocks), tuple(new[s] for s in cell.concat)), new, exchanged


def block_of(cell: Cell, state: int) -> Block:
    return cell.blocks[state - 2]


@settings(max_examples=200, deadline=None)
@given(random_genotypes(max_blocks=7), st.randoms(use_true_random=False))
def test_order_and_sides_do_not_change_the_key(genotype, rng):
    other = Genotype(
        "another name",
        shuffled(genotype.normal, rng)[0],
        shuffled(genotype.reduction, rng)[0],
        genotype.stacking,
    )
    assert canonical_key(other) == canonical_key(genotype)
    form = canonical(genotype)
    assert canonical(form) == form
    assert canonical_key(form) == canonical_key(genotype)


def same_by_brute_force(a: Cell, b: Cell) -> bool:
    """Whether some renaming of states turns `a` into `b`, sides and joined order aside."""

    def described(cell: Cell, names: dict[int, int]) -> tuple:
        blocks = {
            names[i]: (
                block.combine,
                *sorted((names[s.input], s.operation) for _, s in block.sides),
            )
            for i, block in enumerate(cell.blocks, 2)
        }
        return tuple(sorted(blocks.items())), tuple(sorted(names[s] for s in cell.concat))

    if len(a.blocks) != len(b.blocks):
        return False
    states = range(2, len(a.blocks) + 2)
    wanted = described(b, {s: s for s in range(len(b.blocks) + 2)})
    return any(
        described(a, {0: 0, 1: 1, **dict(zip(states, p, strict=True))}) == wanted
        for p in itertools.permutations(states)
    )


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_equal_forms_exactly_where_a_renaming_exists(data):
    """Few operations, so that near misses and twins are common."""

    def cell() -> Cell:
        found = data.draw(random_cells(max_blocks=4))
        blocks = tuple(
            Block(
                *(
                    Side(s.input, "identity" if len(s.operation) % 2 else "max_pool_3x3")
                    for _, s in b.sides
                )
            )
            for b in found.blocks
        )
        return Cell(blocks, found.concat)

    a, b = cell(), cell()
    assert (canonical_cell(a) == canonical_cell(b)) == same_by_brute_force(a, b)


def test_sharing_a_state_is_another_function_than_computing_it_twice():
    pool = Side(0, "max_pool_3x3")
    conv = Side(1, "conv_3x3")
    shared = Cell((Block(pool, conv), Block(Side(2, "identity"), Side(2, "conv_1x1"))), (3,))
    twice = Cell(
        (Block(pool, conv), Block(pool, conv), Block(Side(2, "identity"), Side(3, "conv_1x1"))),
        (4,),
    )
    assert canonical_cell(shared) != canonical_cell(twice)


def test_64_equal_blocks_do_not_take_for_ever():
    cell = Cell((Block(Side(0, "identity"), Side(1, "identity")),) * 64, tuple(range(2, 66)))
    assert canonical_cell(cell) == cell


def test_the_published_cells_are_all_different():
    keys = {canonical_key(catalogue.load(name)) for name in catalogue.names()}
    assert len(keys) == len(catalogue.names())


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(random_genotypes(max_blocks=4), st.randoms(use_true_random=False))
def test_logits_agree_with_moved_weights(genotype, rng):
    cells, maps = {}, {}
    for role, cell in genotype.cells:
        cells[role], *maps[role] = shuffled(cell, rng)
    other = Genotype("other", stacking=genotype.stacking, **cells)
    config = presets.configure(genotype, "cifar", normal_cells=1, filters=4, image_size=(16, 16))
    a, b = (build_network(g, config, keras) for g in (genotype, other))
    targets = {layer.name: layer for layer in weighted_layers(b)}
    for layer in weighted_layers(a):
        role = "reduction" if _is_reduction(layer.name, genotype.stacking) else "normal"
        name, turned = _renamed(layer.name, *maps[role])
        values = layer.get_weights()
        if turned and name.endswith("project_conv"):
            # The two halves of a joined pair change places with the sides.
            values[0] = np.roll(values[0], values[0].shape[2] // 2, axis=2)
        targets.pop(name).set_weights(values)
    assert not targets
    x = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3)).astype("float32")
    expected = np.asarray(a(x))
    assert np.abs(np.asarray(b(x)) - expected).max() <= 1e-5 * np.abs(expected).max()
    keras.utils.clear_session()


def _is_reduction(name: str, stacking: str) -> bool:
    if stacking != "pnasnet":
        return name.startswith("reduction_")
    return name.startswith(("group_2_cell_1_", "group_3_cell_1_"))


def _renamed(name: str, new: dict[int, int], exchanged: dict[int, bool]) -> tuple[str, bool]:
    """The layer's name in the shuffled genotype, and whether its block's sides are exchanged."""
    before, found, after = name.partition("_block_")
    if found:
        number, _, rest = after.partition("_")
        state = int(number) + 2
        turned = exchanged[state]
        if turned:
            side, _, part = rest.partition("_")
            side = {"left": "right", "right": "left"}.get(side, side)
            rest = f"{side}_{part}"
        return f"{before}_block_{new[state] - 2}_{rest}", turned
    before, found, after = name.rpartition("_join_")
    if found:
        number, _, rest = after.partition("_")
        return f"{before}_join_{new[int(number)]}_{rest}", False
    return name, False
