"""Public names of a package that are imported when they are first used (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy(
    package: str, modules: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Makes the functions `__getattr__` and `__dir__` of a package.

    Type checkers do not read them, so the package imports the same names under `TYPE_CHECKING`.

    Args:
        package: its `__name__`; its `__all__` is what `dir` lists.
        modules: where its public names lie, by name. None of them may be the name of a submodule,
            which would take its place once it is imported.

    Returns:
        The two functions.
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(modules[name]), name)

    return get, lambda: sorted(sys.modules[package].__all__)
