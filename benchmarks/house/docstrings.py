"""Which sections the docstrings of public functions have."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from benchmarks.house.imports import find_imports
from benchmarks.house.modules import Module

#: The sections that are counted, and the headings that open them.
SECTIONS = {"Args": r"Args", "Raises": r"Raises", "Example": r"Examples?"}


@dataclass(frozen=True)
class Function:
    """A public function or method.

    Attributes:
        name: its dotted name.
        has_arguments: whether it takes any besides `self` or `cls`.
        sections: those of `SECTIONS` that its docstring has.
    """

    name: str
    has_arguments: bool
    sections: frozenset[str]


def public_functions(modules: Iterable[Module]) -> list[Function]:
    """Lists the public functions of modules and the public methods of their public classes.

    Public is what has no leading underscore, neither itself nor its classes nor its module or a
    folder above that; of a private module, what some `__init__` imports from it or names beside it
    in a table of lazy exports. Special methods (`__init__`) and functions inside of functions or
    conditions are not counted.

    Args:
        modules: all modules of the product.

    Returns:
        The functions in the order of the modules.
    """
    modules = list(modules)
    exported = _exported(modules)
    functions: list[Function] = []
    for module in modules:
        private = any(re.match(r"_(?!_)", part) for part in module.name.split("."))
        for node in module.tree.body:
            name = getattr(node, "name", None)
            if not private or (module.name, name) in exported:
                functions += _public(node, module.name, method=False)
    return functions


def section_share(functions: Iterable[Function], section: str) -> float:
    """The share of the functions that take arguments whose docstring has a section.

    Args:
        functions: public functions.
        section: a key of `SECTIONS`.

    Returns:
        A number between 0 and 1; 0 if no function takes arguments.
    """
    documented = [section in function.sections for function in functions if function.has_arguments]
    return sum(documented) / len(documented) if documented else 0.0


def _exported(modules: list[Module]) -> set[tuple[str, str]]:
    """Modules and names of theirs that an `__init__` imports or could import lazily."""
    exported = set()
    for item in find_imports(modules):
        if item.source.is_init:
            for node in ast.walk(item.source.tree):
                if isinstance(node, ast.ImportFrom) and node.lineno == item.line:
                    exported |= {(item.target.name, alias.name) for alias in node.names}
                elif isinstance(node, ast.Constant) and item.when == "lazily":
                    exported.add((item.target.name, str(node.value)))
    return exported


def _public(node: ast.stmt, path: str, method: bool) -> Iterator[Function]:
    if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
        for child in node.body:
            yield from _public(child, f"{path}.{node.name}", method=True)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
        docstring = ast.get_docstring(node) or ""
        sections = {
            section
            for section, heading in SECTIONS.items()
            if re.search(rf"^{heading}:{{1,2}}$", docstring, re.MULTILINE)
        }
        yield Function(f"{path}.{node.name}", _has_arguments(node, method), frozenset(sections))


def _has_arguments(node: ast.FunctionDef | ast.AsyncFunctionDef, method: bool) -> bool:
    its = node.args
    count = len([*its.posonlyargs, *its.args, *its.kwonlyargs])
    static = any(ast.unparse(decorator) == "staticmethod" for decorator in node.decorator_list)
    bound = method and not static
    return count > bound or its.vararg is not None or its.kwarg is not None
