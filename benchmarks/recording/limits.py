"""Limits of benchmarks: what they mean, and how they are read without running anything.

A benchmark that requires something has a literal table at the top of its module:

  LIMITS = {
      "digits test accuracy": (">= 0.96", 0.1, "chance, of ten digits"),
      "* --help, s": ("<= 1.5", 4.0, "with TensorFlow imported"),
  }

By the name of a figure (`*` stands for anything): the limit, what a wrong program scores, and which
program that is. The wrong score must miss the limit, or the limit would say nothing.
"""

from __future__ import annotations

import ast
import operator
import pathlib
import re
import shlex
from collections.abc import Mapping

Limits = Mapping[str, tuple[str, float, str]]

_OPERATORS = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
_LIMIT = re.compile(
    r"(?P<operator><=|>=|==|<|>) (?P<bound>-?[\d.]+(e-?\d+)?)"
    r"( (?P<side>less|by) (?P<errors>\d+) standard errors)?"
)


def holds(limit: str, value: float, error: float = 0.0) -> bool:
    """Whether a value keeps a limit.

    Args:
        limit: `<= 0.6`; `>= 84.7 less 2 standard errors`, which a mean reaches that lies at most
            so much below; `> 0 by 2 standard errors`, which only one reaches that lies so much
            above.
        value: what was measured.
        error: its standard error.

    Raises:
        ValueError: that is no limit.
    """
    match = _LIMIT.fullmatch(limit)
    if not match:
        raise ValueError(f"{limit!r} is no limit such as '<= 0.6'")
    sign = {"less": 1, "by": -1, None: 0}[match["side"]]
    if match["operator"] in ("<", "<="):
        sign = -sign
    slack = sign * int(match["errors"] or 0) * error
    return bool(_OPERATORS[match["operator"]](value + slack, float(match["bound"])))


def find(limits: Limits, name: str) -> tuple[str, float, str] | None:
    """The entry of a figure; None for one that only informs."""
    if name in limits:
        return limits[name]
    return next((entry for pattern, entry in limits.items() if matches(pattern, name)), None)


def matches(pattern: str, name: str) -> bool:
    """Whether a name is one of those that a pattern stands for."""
    return bool(re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name))


def faults(limits: Limits) -> list[str]:
    """What is wrong with a table."""
    found = []
    for name, (limit, wrong, program) in limits.items():
        try:
            if holds(limit, wrong):
                found.append(f"{name!r}: a wrong program ({program}) keeps the limit {limit!r}")
        except ValueError as error:
            found.append(f"{name!r}: {error}")
        if len(program.split()) < 2:
            found.append(f"{name!r}: say which wrong program scores {wrong}")
    return found


def of_command(command: str, root: pathlib.Path) -> Limits:
    """The limits of the benchmark that `python COMMAND` runs; empty where it has none.

    Raises:
        ValueError: its table is not a literal.
    """
    return _of_module(module_of(command), root)


def module_of(command: str) -> str:
    """The module that `[python] -m MODULE ...` runs."""
    words = shlex.split(command)
    return words[words.index("-m") + 1]


def _of_module(module: str, root: pathlib.Path) -> Limits:
    path = root.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__main__.py", path / "__init__.py"):
        if not file.is_file():
            continue
        for node in ast.parse(file.read_bytes()).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LIMITS":
                return _literal(node.value, file)
            if isinstance(node, ast.ImportFrom) and any(n.name == "LIMITS" for n in node.names):
                return _of_module(node.module or "", root)
    return {}


def _literal(node: ast.expr, file: pathlib.Path) -> Limits:
    try:
        table = {str(name): tuple(entry) for name, entry in ast.literal_eval(node).items()}
        assert all(len(entry) == 3 for entry in table.values())
    except (AssertionError, AttributeError, TypeError, ValueError):
        raise ValueError(
            f"{file}: LIMITS must be a literal {{name: (limit, wrong score, program)}}"
        ) from None
    return table
