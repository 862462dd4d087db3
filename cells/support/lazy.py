"""Public names of a package that are imported when they are first used (PEP 562)."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable
from typing import Any


def lazy(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Makes the functions `__getattr__` and `__dir__` of a package.

    Where its public names lie, `__all__`, say the imports that it has for type checkers, under
    `TYPE_CHECKING`.

    Args:
        package: its `__name__`. None of its public names may be that of a submodule, which would
            take its place once it is imported.

    Returns:
        The two functions.
    """
    door: Any = sys.modules[package]
    modules = {
        alias.name: node.module
        for node in ast.walk(ast.parse(door.__loader__.get_source(package)))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name in door.__all__
    }

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(str(modules[name])), name)

    return get, lambda: sorted(door.__all__)
