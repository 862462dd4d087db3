"""Syntax trees without walls and words: what of a module decides what is computed.

Out fall comments, docstrings, messages of exceptions, help texts, imports of this project's
modules, `__all__` and `LIMITS`. Whatever a module takes from another one of this project stands by
its own name alone, however it was imported: `spaces.find` after `from cell_search import spaces`
and `find` after `from cell_search.spaces import find` are the same. So code that moves, unchanged,
to another module stays what it is.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

#: Stands for a module of this project.
MODULE = "§module"


@dataclass(frozen=True)
class Source:
    """A parsed module.

    Attributes:
        tree: its syntax.
        imports: what it imports by name, `module` or `module.name`, anywhere.
        passed: texts that are passed to a function or stand in a list: maybe names of programs.
        texts: all texts.
    """

    tree: ast.Module
    imports: frozenset[str]
    passed: frozenset[str]
    texts: frozenset[str]


def parse(code: bytes, package: str) -> Source:
    """Parses a module of a package."""
    tree = ast.parse(code)
    imports: set[str] = set()
    passed: set[object] = set()
    texts: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports |= {target for _, target in _bound(node, package)}
            if isinstance(node, ast.Import):
                imports |= {name.name for name in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.add(node.value)
        elif isinstance(node, ast.Call | ast.List | ast.Tuple):
            items = node.args if isinstance(node, ast.Call) else node.elts
            passed |= {i.value for i in items if isinstance(i, ast.Constant)}
    words = frozenset(text for text in passed if isinstance(text, str))
    return Source(tree, frozenset(imports), words, frozenset(texts))


def _bound(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, str]]:
    """Local names of an import, and what each stands for."""
    if isinstance(node, ast.Import):
        for name in node.names:
            yield (name.asname, name.name) if name.asname else (name.name.split(".")[0],) * 2
        return
    origin = node.module or ""
    if node.level:
        parts = package.split(".")
        above = parts[: len(parts) - node.level + 1]
        origin = ".".join([*above, *filter(None, [origin])])
    for name in node.names:
        yield name.asname or name.name, f"{origin}.{name.name}"


def statements(
    source: Source, package: str, is_ours: Callable[[str], bool], is_module: Callable[[str], bool]
) -> dict[str, str]:
    """What each statement of a module defines, by its digest without walls and words.

    Args:
        source: the module.
        package: where it lies.
        is_ours: whether a dotted name belongs to this project.
        is_module: whether a dotted name is a module or package of this project.
    """
    plain = _Plain(package, is_ours, is_module)
    found: dict[str, str] = {}
    for node in source.tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {_digest(text): "an import" for text in plain.foreign(node)}
        elif (name := _defined(node)) not in ("__all__", "LIMITS"):
            kept = plain.visit(_copied(node))
            if kept is not None:
                found[_digest(ast.dump(kept))] = name
    return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _defined(node: ast.stmt) -> str:
    """What a statement gives a name to, for messages."""
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0])
    if isinstance(node, ast.AnnAssign | ast.AugAssign):
        return ast.unparse(node.target)
    return getattr(node, "name", f"a statement ({type(node).__name__})")


def _copied(node: Any) -> Any:
    """A copy of a tree, quicker than `copy.deepcopy`."""
    if isinstance(node, ast.AST):
        return type(node)(**{name: _copied(value) for name, value in ast.iter_fields(node)})
    return [_copied(item) for item in node] if isinstance(node, list) else node


@dataclass
class _Plain(ast.NodeTransformer):
    package: str
    is_ours: Callable[[str], bool]
    is_module: Callable[[str], bool]
    #: Of this project, by local name.
    names: dict[str, str] = field(default_factory=dict)

    def foreign(self, node: ast.Import | ast.ImportFrom) -> set[str]:
        """Takes note of an import; of those of other projects, one text each."""
        told = set()
        for local, target in _bound(node, self.package):
            if self.is_ours(target):
                self.names[local] = target
            elif not target.startswith("__future__."):
                told.add(f"{type(node).__name__} {target} {local}")
        return told

    def visit_Import(self, node: ast.Import) -> ast.AST | None:
        theirs = self.foreign(node)
        return ast.Constant("; ".join(sorted(theirs))) if theirs else None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        theirs = self.foreign(node)
        return ast.Constant("; ".join(sorted(theirs))) if theirs else None

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | None:
        kept = self.generic_visit(node)
        # Of `if TYPE_CHECKING` nothing is left.
        return kept if node.body or node.orelse else None

    def _scope(self, node: Any) -> ast.AST:
        outer = self.names
        args = node.args
        own = {a.arg for a in (*args.posonlyargs, *args.args, *args.kwonlyargs)}
        own |= {a.arg for a in (args.vararg, args.kwarg) if a}
        own |= {
            n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        self.names = {name: target for name, target in outer.items() if name not in own}
        kept = self.generic_visit(node)
        self.names = outer
        return kept

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _scope

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        kept = self.generic_visit(node)
        for inner in ast.walk(kept):
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                inner.value = ""
        return kept

    def visit_keyword(self, node: ast.keyword) -> ast.AST | None:
        return None if node.arg in ("help", "description", "epilog") else self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        parts: list[str] = []
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            parts.insert(0, root.attr)
            root = root.value
        if not isinstance(root, ast.Name) or root.id not in self.names:
            return self.generic_visit(node)
        target = self.names[root.id]
        while parts and self.is_module(target):
            target = f"{target}.{parts.pop(0)}"
        return _chain(self._named(target), parts)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return _chain(self._named(self.names.get(node.id, node.id)), [])

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str) and "." in node.value and self.is_module(node.value):
            return ast.Constant(MODULE)
        return ast.Constant(node.value)

    def _named(self, target: str) -> str:
        return MODULE if "." in target and self.is_module(target) else target.rsplit(".", 1)[-1]


def _chain(name: str, attributes: list[str]) -> ast.expr:
    found: ast.expr = ast.Name(name)
    for attribute in attributes:
        found = ast.Attribute(found, attribute)
    return found


#: Files that a text names.
FILES = re.compile(r"[\w./-]+\.(?:ya?ml|json)\b")
