"""How many lines files have, and how many of these are logic."""

from __future__ import annotations

import ast
import io
import statistics
import tokenize
from collections.abc import Iterable

from benchmarks.house.modules import Module

_LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def total_lines(module: Module) -> int:
    """The lines of a file.

    Args:
        module: the file.

    Returns:
        Their number, blank ones too.
    """
    return len(module.text.splitlines())


def logic_lines(module: Module) -> int:
    """The lines of a file that are neither docstring nor comment nor blank.

    A docstring is any string that stands alone as a statement, also below an attribute.

    Args:
        module: the file.

    Returns:
        Their number.
    """
    lines = module.text.splitlines()
    logic: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type not in _LAYOUT:
            logic.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(module.tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(), lineno=first, end_lineno=int(last))):
                logic.difference_update(range(first, last + 1))
    return sum(bool(lines[number - 1].strip()) for number in logic)


def spread(modules: Iterable[Module]) -> tuple[float, float, int]:
    """Median, 90th percentile and largest number of lines of modules.

    Args:
        modules: at least two; `__init__` and `__main__` are left out of the first two figures,
            since some of them hold a line only.

    Returns:
        The three figures.
    """
    modules = list(modules)
    inner = [total_lines(module) for module in modules if not (module.is_init or module.is_main)]
    p90 = statistics.quantiles(inner, n=10, method="inclusive")[-1]
    return statistics.median(inner), p90, max(map(total_lines, modules))
