"""What changed between two genotypes."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from cells.genotype.canonical import canonical_key
from cells.genotype.genotype import Cell, Genotype
from cells.operations.operations import OPERATIONS


def describe_cell(cell: Cell) -> list[str]:
    """A cell in words, one line a state.

    Args:
        cell: a cell.
    """

    def state(i: int) -> str:
        return ("h(i-1)", "h(i)")[i] if i < 2 else f"state {i}"

    lines = []
    for b, block in enumerate(cell.blocks):
        sides = [f"{OPERATIONS[s.operation].title} of {state(s.input)}" for _, s in block.sides]
        lines.append(f"state {b + 2} = {block.combine}({', '.join(sides)})")
    return [*lines, f"output = concat({', '.join(map(state, cell.concat))})"]


def differences(old: Genotype, new: Genotype) -> Iterator[str]:
    """Lines that lead from `old` to `new`: `-` taken away, `+` added, by cell.

    Nothing for equal genotypes. Where only the order of blocks, sides or joined states differs,
    one line says that both compute the same function.

    Args:
        old: the genotype before.
        new: the genotype after.
    """
    if old == new:
        return
    if canonical_key(old) == canonical_key(new) and old.stacking == new.stacking:
        yield "the same function: only the order of blocks, sides or joined states differs"
    for field in ("name", "stacking"):
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            yield from (f"- {field}: {before}", f"+ {field}: {after}")
    for (role, before), (_, after) in zip(old.cells, new.cells, strict=True):
        lines = list(difflib.ndiff(describe_cell(before), describe_cell(after)))
        changed = [line for line in lines if line.startswith(("- ", "+ "))]
        if changed:
            yield f"{role.capitalize()} cell"
            yield from (f"  {line}" for line in changed)
