"""DARTS: `Genotype(normal=[('op', input), ...], normal_concat=..., reduce=..., ...)`.

Two pairs make a node. Inputs are numbered as here: 0 is the earlier cell. The text is parsed as
data: literals, `range` of two numbers, nothing else.
"""

from __future__ import annotations

import ast

from cells.genotype.genotype import MAX_BLOCKS, Cell, Genotype, Side
from cells.genotype.notations.names import in_pairs, only, ours, theirs
from cells.support.errors import UserError

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
_FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")


def read(text: str) -> Genotype:
    """Reads `Genotype(...)`, or `NAME = Genotype(...)`.

    Args:
        text: in that notation.

    Raises:
        UserError: names what is not data, missing or unknown.
    """
    try:
        statements = ast.parse(text.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UserError("not DARTS text: write Genotype(normal=[...], ...)") from None
    name, call = _call(statements)
    fields = {}
    for keyword in call.keywords:
        if keyword.arg not in _FIELDS:
            raise UserError(
                f"DARTS text: unknown field {str(keyword.arg)[:60]!r}; it has {', '.join(_FIELDS)}"
            )
        fields[keyword.arg] = _data(keyword.value, keyword.arg)
    for field in _FIELDS:
        if field not in fields:
            raise UserError(f"DARTS text: the field {field!r} is missing")
    normal, reduction = (
        _cell(fields[role], fields[f"{role}_concat"], role) for role in ("normal", "reduce")
    )
    return Genotype(name, normal, reduction, stacking="darts")


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
        for block in cell.blocks:
            only(block.combine == "add", "DARTS text", "a block combines by 'concat'")
        pairs = [
            (theirs(side.operation, _OPERATIONS, "DARTS"), side.input)
            for block in cell.blocks
            for _, side in block.sides
        ]
        parts.append(f"{field}={pairs}, {field}_concat={list(cell.concat)}")
    return f"Genotype({', '.join(parts)})\n"


def _call(statements: list[ast.stmt]) -> tuple[str, ast.Call]:
    name, value = "darts", None
    if len(statements) == 1:
        statement = statements[0]
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name, value = statement.targets[0].id, statement.value
        elif isinstance(statement, ast.Expr):
            value = statement.value
    if not (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id == "Genotype"
        and not value.args
    ):
        raise UserError("not DARTS text: write one Genotype(normal=[...], ...), or NAME = of it")
    return name, value


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
        raise UserError(f"DARTS text: {field}: is no literal list") from None


def _cell(pairs: list, concat: list, role: str) -> Cell:
    sides = []
    for i, pair in enumerate(pairs):
        where = f"DARTS text: {role}[{i}]"
        if not (isinstance(pair, list | tuple) and len(pair) == 2 and type(pair[1]) is int):
            raise UserError(f"{where}: must be ('operation', input)")
        sides.append(Side(pair[1], ours(pair[0], _OPERATIONS, where)))
    if len(sides) % 2:
        raise UserError(f"DARTS text: {role}: has {len(sides)} pairs; a node takes two")
    if not all(type(s) is int for s in concat):
        raise UserError(f"DARTS text: {role}_concat: must be a list of numbers")
    return Cell(in_pairs(sides), tuple(concat))
