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
    for node in _within(tree):
        kind = type(node)
        if kind is ast.Import or kind is ast.ImportFrom:
            imports |= {target for _, target in _bound(node, package)}
            if kind is ast.Import:
                imports |= {name.name for name in node.names}
        elif kind is ast.Constant and type(node.value) is str:
            texts.add(node.value)
        elif kind is ast.Call or kind is ast.List or kind is ast.Tuple:
            items = node.args if kind is ast.Call else node.elts
            passed |= {i.value for i in items if type(i) is ast.Constant}
    words = frozenset(text for text in passed if isinstance(text, str))
    return Source(tree, frozenset(imports), words, frozenset(texts))


def _within(node: ast.AST) -> Iterator[Any]:
    """A node and all below it; as `ast.walk`, but in a third of its time."""
    todo = [node]
    while todo:
        node = todo.pop()
        yield node
        for value in vars(node).values():
            if isinstance(value, ast.AST):
                todo.append(value)
            elif type(value) is list:
                todo += [item for item in value if isinstance(item, ast.AST)]


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
        elif (name := _defined(node)) not in ("__all__", "LIMITS") and (text := plain.text(node)):
            found[_digest(text)] = name
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


#: Arguments that hold words for people.
_WORDS = ("help", "description", "epilog")


@dataclass
class _Plain:
    """Writes syntax trees as texts, without walls and words.

    Attributes:
        package: where the module lies.
        is_ours, is_module: see `statements`.
        names: what local names stand for, of those that are imported from this project.
        silent: whether texts fall out.
    """

    package: str
    is_ours: Callable[[str], bool]
    is_module: Callable[[str], bool]
    names: dict[str, str] = field(default_factory=dict)
    silent: bool = False

    def foreign(self, node: ast.Import | ast.ImportFrom) -> list[str]:
        """Takes note of an import; of those from elsewhere, a text each."""
        told = []
        for local, target in _bound(node, self.package):
            if self.is_ours(target):
                self.names[local] = target
            elif not target.startswith("__future__."):
                told.append(f"{type(node).__name__} {target} {local}")
        return sorted(told)

    def text(self, node: Any) -> str:
        """A node, or a part of one; empty where nothing is left of it."""
        kind = type(node)
        if kind is list:
            return f"[{','.join(filter(None, map(self.text, node)))}]"
        if not isinstance(node, ast.AST):
            return repr(node)
        special = _SPECIAL.get(kind)
        return special(self, node) if special else self._whole(node)

    def _whole(self, node: ast.AST) -> str:
        inside = ",".join([self.text(getattr(node, name, None)) for name in node._fields])
        return f"{type(node).__name__}({inside})"

    def _import(self, node: Any) -> str:
        return "; ".join(self.foreign(node))

    def _expression(self, node: ast.Expr) -> str:
        is_word = type(node.value) is ast.Constant and isinstance(node.value.value, str)
        return "" if is_word else self._whole(node)

    def _if(self, node: ast.If) -> str:
        body, orelse = self.text(node.body), self.text(node.orelse)
        # Of `if TYPE_CHECKING` nothing is left.
        return "" if body == orelse == "[]" else f"If({self.text(node.test)},{body},{orelse})"

    def _scope(self, node: Any) -> str:
        args = node.args
        own = {a.arg for a in (*args.posonlyargs, *args.args, *args.kwonlyargs)}
        own |= {a.arg for a in (args.vararg, args.kwarg) if a}
        own |= {n.id for n in _within(node) if type(n) is ast.Name and type(n.ctx) is ast.Store}
        outer = self.names
        self.names = {name: target for name, target in outer.items() if name not in own}
        told = self._whole(node)
        self.names = outer
        return told

    def _raise(self, node: ast.Raise) -> str:
        silent, self.silent = self.silent, True
        told = self._whole(node)
        self.silent = silent
        return told

    def _keyword(self, node: ast.keyword) -> str:
        return "" if node.arg in _WORDS else self._whole(node)

    def _attribute(self, node: ast.Attribute) -> str:
        parts: list[str] = []
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            parts.insert(0, root.attr)
            root = root.value
        if not isinstance(root, ast.Name) or root.id not in self.names:
            return ".".join([self.text(root), *parts])
        target = self.names[root.id]
        while parts and self.is_module(target):
            target = f"{target}.{parts.pop(0)}"
        return ".".join([self._named(target), *parts])

    def _name(self, node: ast.Name) -> str:
        return self._named(self.names.get(node.id, node.id))

    def _constant(self, node: ast.Constant) -> str:
        if not isinstance(node.value, str):
            return repr(node.value)
        if "." in node.value and self.is_module(node.value):
            return MODULE
        return "" if self.silent else repr(node.value)

    def _named(self, target: str) -> str:
        return MODULE if "." in target and self.is_module(target) else target.rsplit(".", 1)[-1]


_SPECIAL: dict[type, Callable[[_Plain, Any], str]] = {
    ast.Import: _Plain._import,
    ast.ImportFrom: _Plain._import,
    ast.Expr: _Plain._expression,
    ast.If: _Plain._if,
    ast.FunctionDef: _Plain._scope,
    ast.AsyncFunctionDef: _Plain._scope,
    ast.Lambda: _Plain._scope,
    ast.Raise: _Plain._raise,
    ast.keyword: _Plain._keyword,
    ast.Attribute: _Plain._attribute,
    ast.Name: _Plain._name,
    ast.Constant: _Plain._constant,
}


#: Files that a text names.
FILES = re.compile(r"[\w./-]+\.(?:ya?ml|json)\b")
