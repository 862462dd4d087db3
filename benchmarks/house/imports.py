"""Who imports whom: at load time, inside of functions, and for types only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from benchmarks.house.modules import Module

When = Literal["at load time", "lazily", "for types"]


@dataclass(frozen=True)
class Import:
    """One import of a module of this project.

    Attributes:
        source: the module that imports.
        target: the module that is imported.
        line: where `source` does so.
        when: whether it happens when `source` is loaded.
    """

    source: Module
    target: Module
    line: int
    when: When

    def __str__(self) -> str:
        return f"{self.source.path}:{self.line} imports {self.target.name} {self.when}"


def find_imports(modules: Iterable[Module]) -> list[Import]:
    """Lists the imports among modules.

    `from package import name` imports the submodule of that name where there is one, else the
    package: the name stands in its `__init__`. The packages above a module are loaded with it, too,
    but no statement names them, so they are left out.

    A name of a module in a string is an import as well, a lazy one, where it can only serve that
    purpose: in an `__init__` (a table of lazy exports, whatever its form) and in a module that
    calls `import_module`. It must have a dot, so that it is no word of other use, and may be
    relative to the package.

    Args:
        modules: all that may import and be imported.

    Returns:
        The imports in the order of the modules and lines, each target once a line.
    """
    by_name = {module.name: module for module in modules}
    imports = []
    for module in by_name.values():
        found = {
            Import(module, by_name[target], line, when)
            for target, line, when in _targets(module, by_name)
            if target != module.name
        }
        imports += sorted(found, key=lambda item: (item.line, item.target.name))
    return imports


def _targets(module: Module, known: dict[str, Module]) -> Iterator[tuple[str, int, When]]:
    """Names of modules that one imports, with line and time."""
    dynamic = module.is_init or "import_module(" in module.text
    for node, when in _walk(module.tree, "at load time"):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if target := _longest_known(alias.name, known):
                    yield target, node.lineno, when
        elif isinstance(node, ast.ImportFrom):
            base = _absolute("." * node.level + (node.module or ""), module.folder)
            for alias in node.names:
                if target := _longest_known(f"{base}.{alias.name}", known):
                    yield target, node.lineno, when
        elif (
            dynamic
            and isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and re.fullmatch(r"\.+\w+(\.\w+)*|\w+(\.\w+)+", node.value)
        ):
            for name in (f"{module.folder}.{node.value}", _absolute(node.value, module.folder)):
                if name in known:
                    yield name, node.lineno, "lazily"
                    break


def _walk(node: ast.AST, when: When) -> Iterator[tuple[ast.AST, When]]:
    """All nodes below one, with the time at which an import there happens."""
    for child in ast.iter_child_nodes(node):
        yield child, when
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _walk(child, "lazily" if when == "at load time" else when)
        elif isinstance(child, ast.If) and (inside := _only_when(child.test)):
            for statement in child.body:
                yield statement, inside
                yield from _walk(statement, inside)
            for statement in child.orelse:
                yield statement, when
                yield from _walk(statement, when)
        else:
            yield from _walk(child, when)


def _only_when(test: ast.expr) -> When | None:
    """When the branch of a condition runs, if that is not when the module is loaded."""
    words = ast.unparse(test)
    if words in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        return "for types"
    return "lazily" if words == "__name__ == '__main__'" else None


def _absolute(name: str, package: str) -> str:
    """A module's name without leading dots, as seen from a package."""
    path = name.lstrip(".")
    if not (level := len(name) - len(path)):
        return name
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *([path] if path else [])])


def _longest_known(name: str, known: dict[str, Module]) -> str | None:
    """The module of a dotted name, whose last parts may be what the module defines."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name or None
