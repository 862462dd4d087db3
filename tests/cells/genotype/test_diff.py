"""Differences of genotypes: of what they compute, told by as few lines as there are changes."""

from __future__ import annotations

import dataclasses

from genotype_strategies import random_genotypes
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_canonical import shuffled

from cells.genotype import catalogue
from cells.genotype.canonical import canonical_key
from cells.genotype.diff import differences
from cells.genotype.genotype import Cell, Side


def test_what_changed_from_darts_v1_to_v2():
    """By hand, from the two lists in the authors' code: of three blocks alike in the Normal cell
    one became another, and so on; that sides and blocks changed places is none."""
    lines = list(differences(catalogue.load("darts_v1"), catalogue.load("darts_v2")))
    assert lines[2:] == [
        "Normal cell",
        "  - state 4 = add(identity of h(i-1), sep 3×3 of h(i))",
        "  + state 4 = add(sep 3×3 of h(i-1), sep 3×3 of h(i))",
        "  - state 5 = add(sep 3×3 of h(i-1), identity of state 2)",
        "  + state 5 = add(identity of h(i-1), dil 3×3 of state 2)",
        "  (states are numbered as before; in the new file 3 is 4, 4 is 3)",
        "Reduction cell",
        "  - state 4 = add(max 3×3 of h(i-1), identity of state 2)",
        "  + state 4 = add(max 3×3 of h(i), identity of state 2)",
        "  - state 5 = add(avg 3×3 of h(i-1), identity of state 2)",
        "  + state 5 = add(max 3×3 of h(i), identity of state 2)",
        "  (states are numbered as before; in the new file 3 is 4, 4 is 3)",
    ]


@settings(max_examples=100, deadline=None)
@given(random_genotypes(max_blocks=7), st.randoms(use_true_random=False))
def test_another_order_is_no_change(genotype, rng):
    other = dataclasses.replace(genotype, normal=shuffled(genotype.normal, rng)[0], name="other")
    (line,) = differences(genotype, other)
    assert line.startswith("the same function")


@settings(max_examples=100, deadline=None)
@given(random_genotypes(max_blocks=7), st.randoms(use_true_random=False))
def test_one_other_operation_is_one_change_whatever_the_order(genotype, rng):
    blocks = list(genotype.normal.blocks)
    at = rng.randrange(len(blocks))
    left = blocks[at].left
    operation = "conv_1x1" if left.operation != "conv_1x1" else "conv_3x3"
    blocks[at] = dataclasses.replace(blocks[at], left=Side(left.input, operation))
    changed = Cell(tuple(blocks), genotype.normal.concat)
    other = dataclasses.replace(genotype, normal=shuffled(changed, rng)[0])
    assume(canonical_key(other) != canonical_key(genotype))
    lines = list(differences(genotype, other))
    assert lines[0] == "Normal cell" and "Reduction cell" not in lines
    signs = [line.strip()[0] for line in lines[1:]]
    assert signs.count("-") == signs.count("+") >= 1
    # A block that computes what another does may take its place in what reads them.
    if len(set(genotype.normal.blocks)) == len(blocks):
        assert signs.count("-") == 1 or any("concat" in line for line in lines)
