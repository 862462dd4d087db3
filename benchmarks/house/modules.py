"""The Python files of the packages that are installed."""

from __future__ import annotations

import ast
import fnmatch
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Module:
    """A Python file and its syntax tree.

    Attributes:
        name: its dotted name; an `__init__` has the name of its package.
        path: relative to the root of the repository.
        text: what the file holds.
        tree: the syntax tree of it.
    """

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def is_init(self) -> bool:
        """Whether it is the `__init__` of its folder."""
        return self.path.name == "__init__.py"

    @property
    def is_main(self) -> bool:
        """Whether it is a program, which no module imports."""
        return self.path.name == "__main__.py"

    @property
    def folder(self) -> str:
        """The dotted name of the folder in which it lies."""
        return ".".join(self.path.parent.parts)


def product_packages(root: Path) -> list[str]:
    """The top-level folders of Python files that pyproject.toml installs.

    Args:
        root: the root of the repository.

    Returns:
        Their names, sorted.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["packages"]["find"]["include"]
    return sorted(
        folder.name
        for folder in root.iterdir()
        if any(fnmatch.fnmatch(folder.name, pattern) for pattern in patterns)
        and any(_python_files(folder))
    )


def read_modules(root: Path, folders: Iterable[str]) -> list[Module]:
    """Reads and parses all Python files below some folders.

    Args:
        root: the root of the repository.
        folders: relative to the root.

    Returns:
        The modules, sorted by path.
    """
    modules = []
    for file in sorted(file for folder in folders for file in _python_files(root / folder)):
        path = file.relative_to(root)
        parts = path.parent.parts if path.stem == "__init__" else path.with_suffix("").parts
        text = file.read_text(encoding="utf-8")
        modules.append(Module(".".join(parts), path, text, ast.parse(text, str(path))))
    return modules


def modules_by_folder(modules: Iterable[Module]) -> dict[str, int]:
    """Counts the modules of each folder, largest first, without `__init__` and `__main__`.

    Args:
        modules: the modules to count.

    Returns:
        The numbers by the dotted name of the folder.
    """
    counts: dict[str, int] = {}
    for module in modules:
        counts.setdefault(module.folder, 0)
        counts[module.folder] += not (module.is_init or module.is_main)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def folders_without_init(modules: Iterable[Module]) -> list[str]:
    """Lists the folders that hold Python files but no `__init__.py`.

    Args:
        modules: the modules whose folders are looked at.

    Returns:
        Their dotted names, sorted.
    """
    modules = list(modules)
    packages = {module.folder for module in modules if module.is_init}
    return sorted({module.folder for module in modules} - packages)


def _python_files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*.py") if "__pycache__" not in file.parts)
