"""The comparisons of searches of whole networks: what is counted, and what they run."""

from __future__ import annotations

import argparse
import math

import pytest

from benchmarks import evolved_graphs, network_searches
from cell_search.config import resolve, schema
from cells.kinds import files

SIZES = {"population": 6, "images": 100, "held_out": 50, "multiply_adds": 1e7, "size": 8}
ARGS = argparse.Namespace(**SIZES, minutes=1.0)


@pytest.mark.parametrize("program", [network_searches, evolved_graphs])
def test_every_arm_is_a_search_of_the_same_images(program):
    seen = set()
    for arm in program.ARMS:
        found = resolve.resolve(schema.from_values(program.settings_of(arm, 0, ARGS), arm))
        seen.add((found.images, found.limits.multiply_adds))
    assert len(seen) == 1


def test_half_of_the_pairs_are_joined():
    # Figure 7 of Zoph & Le 2017: 65 of the 15 * 14 / 2 pairs of its layers.
    assert network_searches.joined(files.find("nas_v1")) == pytest.approx(65 / 105)


def test_differences_have_the_error_of_both():
    scores = {"evolution": [[50.0, 54.0]], "random": [[49.0, 49.0], [50.0, 52.0]]}
    figures = network_searches.figures_of(scores, dict.fromkeys(scores, ""), [3.0])
    found = {figure.name: figure for figure in figures}
    less = found["evolution less random, points"]
    assert (less.value, less.kind) == (2.0, "observation")
    # Standard deviations of 2 and 4 values: sqrt(8) and sqrt(2).
    assert less.error == pytest.approx(math.hypot(math.sqrt(8 / 2), math.sqrt(2 / 4)), abs=0.01)
    assert found["evolution: accuracy of its best, percent"].ok
    assert found[next(name for name in found if "joined" in name)].error is None


def test_evolution_must_be_better_than_its_controls_by_two_errors():
    best = {
        "evolution": [36.0, 38.0],
        "random mutation": [30.0, 32.0],
        "without inheritance": [37.0, 37.0],
    }
    figures = evolved_graphs.figures_of(best, {arm: [0.5, 0.7] for arm in best}, ARGS)
    found = {figure.name: figure for figure in figures}
    assert found["evolution less random mutation, points"].value == 6.0
    assert found["evolution less random mutation, points"].ok
    without = found["evolution less evolution without inheritance, points"]
    assert (without.value, without.error, without.ok) == (0.0, 1.0, False)
