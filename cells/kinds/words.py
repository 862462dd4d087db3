"""Genotypes of every kind in words, and what changed between two of a kind: one row a kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cells.genotype import diff
from cells.genotype.genotype import Genotype
from cells.kinds.files import AnyGenotype
from cells.operations.architecture import Architecture
from cells.recurrent import words as recurrent
from cells.recurrent.genotype import RecurrentGenotype


@dataclass(frozen=True)
class Words:
    """What is said of the genotypes of a kind.

    Attributes:
        form: the attribute that tells them apart, by which the catalogue lists them.
        title: what one is, in a few words.
        parts: one in words: the heading of each part, "" for none, and a line for each of its own.
        differences: lines that lead from one to another; nothing for equals.
    """

    form: str
    title: Callable[[Any], str]
    parts: Callable[[Any], Iterable[tuple[str, list[str]]]]
    differences: Callable[[Any, Any], Iterator[str]]


_WORDS: dict[type, Words] = {
    Genotype: Words(
        "stacking",
        lambda g: f"{g.stacking} stacking",
        lambda g: [(f"{role.capitalize()} cell", diff.describe_cell(c)) for role, c in g.cells],
        diff.differences,
    ),
    RecurrentGenotype: Words(
        "form",
        lambda g: recurrent.size(g.cell),
        lambda g: [("", recurrent.describe(g.cell))],
        recurrent.differences,
    ),
    Architecture: Words(
        "kind",
        lambda g: g.title,
        lambda g: [("", g.describe())],
        lambda old, new: old.differences(new),
    ),
}


def words_of(genotype: AnyGenotype) -> Words:
    """What is said of a genotype.

    Args:
        genotype: of any kind.
    """
    return next(words for kind, words in _WORDS.items() if isinstance(genotype, kind))
