"""What changed between two genotypes: in what they compute, however they are written down."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping

from cells.genotype.canonical import canonical_key
from cells.genotype.genotype import Block, Cell, Genotype
from cells.operations.operations import OPERATIONS


def describe_cell(cell: Cell) -> list[str]:
    """A cell in words, one line a state.

    Args:
        cell: a cell.
    """
    lines = []
    for number, block in enumerate(cell.blocks, 2):
        lines.append(_described(number, block, [(s.input, s.operation) for _, s in block.sides]))
    return [*lines, _joined(cell.concat)]


def differences(old: Genotype, new: Genotype) -> Iterator[str]:
    """Lines that lead from `old` to `new`: `-` taken away, `+` added, by cell.

    Nothing for equal genotypes. The order of blocks, sides and joined states, by which no function
    differs, is no change; states of `new` get the numbers of those of `old` that they are like.

    Args:
        old: the genotype before.
        new: the genotype after.
    """
    if old == new:
        return
    if canonical_key(old) == canonical_key(new):
        yield "the same function: only the name, or the order of blocks, sides or states, differs"
        return
    for field in ("name", "stacking"):
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            yield from (f"- {field}: {before}", f"+ {field}: {after}")
    for (role, before), (_, after) in zip(old.cells, new.cells, strict=True):
        changed = list(_cell_differences(before, after))
        if changed:
            yield f"{role.capitalize()} cell"
            yield from (f"  {line}" for line in changed)


def _cell_differences(old: Cell, new: Cell) -> Iterator[str]:
    compared = _Compared(old, new)
    numbers = compared.numbers
    in_new = {number: state for state, number in numbers.items()}
    for number in range(2, max(len(old.blocks) + 2, *in_new) + 1):
        before = compared.old_sides(number) if number < len(old.blocks) + 2 else None
        after = compared.new_sides(in_new[number]) if number in in_new else None
        if before is None or after is None or not compared.equal(before, after):
            for sign, sides in (("-", before), ("+", after)):
                if sides is not None:
                    yield f"{sign} {_described(number, sides[0], sorted(sides[1]))}"
    joined = [numbers[state] for state in new.concat]
    if sorted(map(compared.twin, old.concat)) != sorted(map(compared.twin, joined)):
        yield from (f"- {_joined(sorted(old.concat))}", f"+ {_joined(sorted(joined))}")
    moved = [f"{n} is {s}" for n, s in sorted(in_new.items()) if n != s]
    if moved:
        yield f"(states are numbered as before; in the new file {', '.join(moved)})"


#: A block, and its sides as (number of the state, operation).
_Sides = tuple[Block, list[tuple[int, str]]]


class _Compared:
    """Two cells, with the states of the new one numbered as those of the old one.

    Attributes:
        numbers: of the states of `new` in the numbering of `old`.
    """

    def __init__(self, old: Cell, new: Cell):
        self._old, self._new = old, new
        known: dict[object, int] = {}
        functions, of_new = _functions(old, known), _functions(new, known)
        first: dict[int, int] = {}
        self._twins = {s: first.setdefault(functions[s], s) for s in sorted(functions)}
        self.numbers = {0: 0, 1: 1}
        free = set(functions) - {0, 1}
        for state in sorted(set(of_new) - {0, 1}):
            twin = min((s for s in free if functions[s] == of_new[state]), default=None)
            if twin is not None:
                self.numbers[state] = twin
                free.remove(twin)
        self._number_others(free)

    def _number_others(self, free: set[int]) -> None:
        """Gives a state that has no twin the number of the one that it has most in common with."""
        waiting = [s for s in range(2, len(self._new.blocks) + 2) if s not in self.numbers]
        beyond = itertools.count(len(self._old.blocks) + 2)
        while waiting:
            ready = [s for s in waiting if self._inputs(s) <= self.numbers.keys()]
            pairs = itertools.product(ready, sorted(free))
            state, number = max(pairs, key=self._likeness, default=(ready[0], 0))
            self.numbers[state] = number or next(beyond)
            waiting.remove(state)
            free.discard(number)

    def _inputs(self, state: int) -> set[int]:
        return {side.input for _, side in self._new.blocks[state - 2].sides}

    def _likeness(self, pair: tuple[int, int]) -> tuple[int, bool]:
        state, number = pair
        before, after = self.old_sides(number), self.new_sides(state)
        shared = Counter(self._keys(before)) & Counter(self._keys(after))
        same = before[0].combine == after[0].combine
        return 2 * shared.total() + same, state == number

    def equal(self, before: _Sides, after: _Sides) -> bool:
        """Whether two blocks combine the same in the same way."""
        return before[0].combine == after[0].combine and self._keys(before) == self._keys(after)

    def twin(self, number: int) -> int:
        """The first state of the old cell that computes the same."""
        return self._twins.get(number, number)

    def old_sides(self, number: int) -> _Sides:
        """A block of the old cell."""
        block = self._old.blocks[number - 2]
        return block, [(side.input, side.operation) for _, side in block.sides]

    def new_sides(self, state: int) -> _Sides:
        """A block of the new cell, in the numbers of the old one."""
        block = self._new.blocks[state - 2]
        return block, [(self.numbers[side.input], side.operation) for _, side in block.sides]

    def _keys(self, sides: _Sides) -> list[tuple[int, str]]:
        return sorted((self.twin(number), operation) for number, operation in sides[1])


def _functions(cell: Cell, known: dict[object, int]) -> Mapping[int, int]:
    """The function of each state: equal numbers, equal functions, also of two cells."""
    functions = {0: -2, 1: -1}
    for state, block in enumerate(cell.blocks, 2):
        sides = sorted((functions[side.input], side.operation) for _, side in block.sides)
        functions[state] = known.setdefault((block.combine, *sides), len(known))
    return functions


def _described(number: int, block: Block, sides: list[tuple[int, str]]) -> str:
    words = [f"{OPERATIONS[operation].title} of {_state(state)}" for state, operation in sides]
    return f"state {number} = {block.combine}({', '.join(words)})"


def _joined(states: tuple[int, ...] | list[int]) -> str:
    return f"output = concat({', '.join(map(_state, states))})"


def _state(number: int) -> str:
    return ("h(i-1)", "h(i)")[number] if number < 2 else f"state {number}"
