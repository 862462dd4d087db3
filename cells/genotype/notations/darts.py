"""DARTS: `Genotype(normal=[('op', input), ...], normal_concat=..., reduce=..., ...)`.

Two pairs make a node. Inputs are numbered as here: 0 is the earlier cell. A genotype is parsed as
data: literals, `range` of two numbers, nothing else.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from cells.genotype.genotype import MAX_BLOCKS, Cell, Genotype, Places, Side, check_cell
from cells.genotype.notations.names import (
    are_states,
    in_pairs,
    only,
    only_sums,
    ours,
    parsed,
    theirs,
)
from cells.support.errors import UserError, cut

_OPERATIONS = {
    "skip_connect": "identity",
    "max_pool_3x3": "max_pool_3x3",
    "avg_pool_3x3": "avg_pool_3x3",
    "sep_conv_3x3": "sep_conv_3x3",
    "sep_conv_5x5": "sep_conv_5x5",
    "sep_conv_7x7": "sep_conv_7x7",
    "dil_conv_3x3": "dil_conv_3x3",
    "dil_conv_5x5": "dil_conv_5x5",
}
_PLACES = Places(
    blocks="DARTS text: {}".format,
    side=lambda role, block, side: f"DARTS text: {role}[{2 * block + (side == 'right')}]",
    concat="DARTS text: {}_concat".format,
    join="add it",
)

#: Of a genotype that is given no other.
_NAME = "darts"

#: Characters of a call: 64 nodes take five thousand.
_MOST = 20_000

_BEGIN = re.compile(r"(?:\b(?P<name>[A-Za-z_]\w*)\s*=\s*)?\b(?P<call>(?:\w+\.)?Genotype\()")
_PARENTHESES = re.compile(r"[()]|'[^'\n]*'|\"[^\"\n]*\"")
_FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")


def read(text: str, name: str | None = None) -> Genotype:
    """Reads `Genotype(...)`, alone or as `NAME = genotypes.Genotype(...)`, in whatever else.

    A log of a search, whose last genotype counts, and a Python file are read alike: what stands
    between the genotypes is skipped, and nothing is run.

    Args:
        text: of the notation.
        name: of the one that is meant, where there are several of different names.

    Raises:
        UserError: names what is not data, missing or unknown, or the names that there are.
    """
    found = dict(_written(text))
    if not found:
        raise UserError("not DARTS text: write Genotype(normal=[...], ...)")
    if len(found) > 1 and name not in found:
        raise UserError(
            f"DARTS text: holds several genotypes, {', '.join(sorted(found))}; choose one by --name"
        )
    own = next(iter(found)) if len(found) == 1 else str(name)
    fields = _fields(found[own])
    normal, reduction = (
        _cell(fields[role], fields[f"{role}_concat"], role) for role in ("normal", "reduce")
    )
    for role, cell in (("normal", normal), ("reduce", reduction)):
        check_cell(cell, role, _PLACES)
    return Genotype(own, normal, reduction, stacking="darts")


def _written(text: str) -> Iterator[tuple[str, str]]:
    """The names and the texts of the calls, in their order."""
    for match in _BEGIN.finditer(text):
        line = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        if line.lstrip().startswith("#") or line.rstrip().endswith(("class", "def")):
            continue
        end = _end(text, match.end())
        if end is None:
            where = text.count("\n", 0, match.start()) + 1
            raise UserError(
                f"not DARTS text: the Genotype(...) that begins in line {where} does not end"
            )
        assigned = match["name"]
        yield _NAME if assigned in (None, "genotype") else assigned, text[match.start("call") : end]


def _end(text: str, begin: int) -> int | None:
    """Behind the parenthesis that closes the one in front of `begin`."""
    depth = 1
    for match in _PARENTHESES.finditer(text, begin, begin + _MOST):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if not depth:
            return match.end()
    return None


def _fields(call: str) -> dict[str, list]:
    tree = parsed(call, "eval", "not DARTS text: write Genotype(normal=[...], ...)")
    if not isinstance(tree, ast.Call) or tree.args:
        raise UserError("not DARTS text: write Genotype(normal=[...], ...), each field by its name")
    fields: dict[str, list] = {}
    for keyword in tree.keywords:
        if keyword.arg not in _FIELDS:
            raise UserError(
                f"DARTS text: unknown field {cut(str(keyword.arg))!r}; it has {', '.join(_FIELDS)}"
            )
        if keyword.arg in fields:
            raise UserError(f"DARTS text: the field {keyword.arg!r} is given twice")
        fields[keyword.arg] = _data(keyword.value, keyword.arg)
    for field in _FIELDS:
        if field not in fields:
            raise UserError(f"DARTS text: the field {field!r} is missing")
    return fields


def write(genotype: Genotype) -> str:
    """The text of a genotype of `darts` stacking.

    Args:
        genotype: the two cells.

    Raises:
        UserError: the notation cannot hold it.
    """
    only(genotype.stacking == "darts", "DARTS text", f"its stacking is {genotype.stacking!r}")
    parts = []
    for field, (_, cell) in zip(("normal", "reduce"), genotype.cells, strict=True):
        only_sums(cell, "DARTS text")
        pairs = [
            (theirs(side.operation, _OPERATIONS, "DARTS"), side.input)
            for block in cell.blocks
            for _, side in block.sides
        ]
        parts.append(f"{field}={pairs}, {field}_concat={list(cell.concat)}")
    return f"Genotype({', '.join(parts)})\n"


def _data(node: ast.expr, field: str) -> list:
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id == "range" and not node.keywords:
            limits = [_literal(a, field) for a in node.args]
            if 1 <= len(limits) <= 2 and all(
                type(n) is int and 0 <= n <= MAX_BLOCKS + 2 for n in limits
            ):
                return list(range(*limits))
        raise UserError(f"DARTS text: {field}: holds a call; only data is read, and range(a, b)")
    value = _literal(node, field)
    if not isinstance(value, list | tuple):
        raise UserError(f"DARTS text: {field}: must be a list")
    return list(value)


def _literal(node: ast.expr, field: str):
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call):
            raise UserError(
                f"DARTS text: {field}: holds a call; only data is read, and range(a, b)"
            )
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError):
        raise UserError(f"DARTS text: {field}: is not a literal list") from None


def _cell(pairs: list, concat: list, role: str) -> Cell:
    sides = []
    for i, pair in enumerate(pairs):
        where = f"DARTS text: {role}[{i}]"
        if not (isinstance(pair, list | tuple) and len(pair) == 2 and are_states(pair[1:])):
            raise UserError(f"{where}: must be ('operation', input)")
        sides.append(Side(pair[1], ours(pair[0], _OPERATIONS, where)))
    if len(sides) % 2:
        raise UserError(f"DARTS text: {role}: has {len(sides)} pairs; a node takes two")
    if not are_states(concat):
        raise UserError(f"DARTS text: {role}_concat: must be a list of numbers")
    return Cell(in_pairs(sides), tuple(concat))
