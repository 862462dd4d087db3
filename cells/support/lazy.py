"""Names that a package gives away and imports only once somebody asks for them (PEP 562)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazy(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable]:
    """The functions `__getattr__` and `__dir__` of a package.

    Args:
        package: its `__name__`.
        modules: where its public names lie, by name. None of them may be the name of a submodule,
            which would take its place once it is imported.
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(modules[name]), name)

    return get, lambda: sorted(modules)
