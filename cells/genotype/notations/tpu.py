"""TF-slim, PNAS and the TPU code: lists of operations, hidden-state indices and used states.

    stacking = 'nasnet'
    normal_operations = ['separable_5x5_2', ...]        two for each block
    normal_hiddenstate_indices = [0, 1, ...]            what they read
    normal_used_hiddenstates = [1, 0, ...]              1: not joined to the output
    reduction_operations = ...

Here the two inputs count the other way round: **index 0 is the newer cell**, h(i), and index 1 is
h(i-1). The joined states are those with 0, in this order of indices.
"""

from __future__ import annotations

import ast

from cells.genotype.genotype import Cell, Genotype, Places, Side, check_cell
from cells.genotype.notations.names import (
    are_states,
    in_pairs,
    only,
    only_sums,
    ours,
    parsed,
    theirs,
)
from cells.support.errors import UserError

_OPERATIONS = {
    "none": "identity",
    "separable_3x3_2": "sep_conv_3x3",
    "separable_5x5_2": "sep_conv_5x5",
    "separable_7x7_2": "sep_conv_7x7",
    "dil_2_separable_5x5_2": "dil_sep_conv_5x5",
    "avg_pool_3x3": "avg_pool_3x3",
    "max_pool_3x3": "max_pool_3x3",
    "max_pool_2x2": "max_pool_2x2",
    "1x1": "conv_1x1",
    "3x3": "bottleneck_conv_3x3",
    "1x7_7x1": "bottleneck_conv_1x7_7x1",
}
_PARTS = ("operations", "hiddenstate_indices", "used_hiddenstates")
_FIELDS = ("stacking", *(f"{role}_{part}" for role in ("normal", "reduction") for part in _PARTS))
_PLACES = Places(
    blocks="TPU lists: {}_operations".format,
    side=lambda role, block, side: (
        f"TPU lists: {role}_hiddenstate_indices[{2 * block + (side == 'right')}]"
    ),
    concat="TPU lists: {}_used_hiddenstates".format,
    join="set its entry to 0",
)
_STACKINGS = ("nasnet", "pnasnet")


def read(text: str) -> Genotype:
    """Reads the seven assignments; `stacking` may be left out and is `nasnet` then.

    Args:
        text: in that notation.

    Raises:
        UserError: names the field that is missing, unknown or wrong.
    """
    fields = {"stacking": "nasnet", **_assignments(text)}
    for field in _FIELDS:
        if field not in fields:
            raise UserError(f"TPU lists: the field {field!r} is missing")
    normal, reduction = (_cell(fields, role) for role in ("normal", "reduction"))
    if fields["stacking"] not in _STACKINGS:
        raise UserError(f"TPU lists: stacking: must be one of {', '.join(_STACKINGS)}")
    return Genotype("tpu", normal, reduction, stacking=fields["stacking"])


def write(genotype: Genotype) -> str:
    """The assignments for a genotype of TF-slim's family.

    Args:
        genotype: the two cells.

    Raises:
        UserError: the notation cannot hold it.
    """
    notation = "The TPU lists"
    only(genotype.stacking in _STACKINGS, notation, f"its stacking is {genotype.stacking!r}")
    lines = [f"stacking = {genotype.stacking!r}"]
    for role, cell in genotype.cells:
        sides = [side for block in cell.blocks for _, side in block.sides]
        only_sums(cell, notation)
        joined = [_swapped(s) for s in cell.concat]
        only(joined == sorted(joined), notation, f"the {role} cell joins in another order")
        used = [int(i not in joined) for i in range(len(cell.blocks) + 2)]
        operations = [theirs(s.operation, _OPERATIONS, "the TPU code") for s in sides]
        lines += [
            f"{role}_operations = {operations}",
            f"{role}_hiddenstate_indices = {[_swapped(s.input) for s in sides]}",
            f"{role}_used_hiddenstates = {used}",
        ]
    return "\n".join(lines) + "\n"


def _swapped(state: int) -> int:
    """Their index of our state, and the other way round."""
    return 1 - state if state in (0, 1) else state


def _assignments(text: str) -> dict:
    fields = {}
    fault = "not TPU lists: write normal_operations = [...] and so on"
    for statement in parsed(text.strip(), "exec", fault):
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]):
                pass
            case _:
                raise UserError(f"TPU lists: line {statement.lineno} is not a NAME = [...]")
        if name not in _FIELDS:
            raise UserError(
                f"TPU lists: unknown field {name[:60]!r}; the fields are {', '.join(_FIELDS)}"
            )
        if name in fields:
            raise UserError(f"TPU lists: {name}: is given twice (line {statement.lineno})")
        try:
            fields[name] = ast.literal_eval(statement.value)
        except (ValueError, TypeError, MemoryError, RecursionError):
            raise UserError(f"TPU lists: {name}: is not a literal; only data is read") from None
    return fields


def _cell(fields: dict, role: str) -> Cell:
    operations, indices, used = (fields[f"{role}_{part}"] for part in _PARTS)
    for part, value in zip(_PARTS, (operations, indices, used), strict=True):
        if not isinstance(value, list | tuple):
            raise UserError(f"TPU lists: {role}_{part}: must be a list")
    if not are_states([*indices, *used]) or not set(used) <= {0, 1}:
        raise UserError(f"TPU lists: {role}: indices must be numbers, used states 0 or 1")
    if len(operations) != len(indices) or len(operations) % 2:
        raise UserError(
            f"TPU lists: {role}: {len(operations)} operations and {len(indices)} indices; a block "
            "takes two of each"
        )
    if len(used) != len(operations) // 2 + 2:
        raise UserError(
            f"TPU lists: {role}_used_hiddenstates: has {len(used)} entries for "
            f"{len(operations) // 2 + 2} states"
        )
    sides = [
        Side(_swapped(index), ours(op, _OPERATIONS, f"TPU lists: {role}_operations"))
        for op, index in zip(operations, indices, strict=True)
    ]
    blocks = in_pairs(sides)
    joined = tuple(_swapped(i) for i, is_used in enumerate(used) if not is_used)
    cell = Cell(blocks, joined)
    check_cell(cell, role, _PLACES)
    return cell
