"""Circles of imports, between folders and between files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csgraph

from benchmarks.house.imports import Import


@dataclass(frozen=True)
class Circle:
    """Folders or files each of which reaches all others through imports.

    Attributes:
        members: their names, sorted.
        links: the imports between each two of them, fewest first: the cheapest to mend.
    """

    members: tuple[str, ...]
    links: dict[tuple[str, str], list[Import]]

    def __str__(self) -> str:
        lines = [f"{len(self.members)} in a circle: {', '.join(self.members)}"]
        for (source, target), imports in self.links.items():
            lines.append(f"  {source} -> {target}: {len(imports)}, such as {imports[0]}")
        return "\n".join(lines)


def folder_circles(imports: Iterable[Import]) -> list[Circle]:
    """Finds the circles between folders, whenever their imports happen.

    A folder and one above it or below it are not compared: a package may export what its folders
    define, and these may share what lies in it. Programs (`__main__`) do not count: nothing
    imports them, so they may use everything.

    Args:
        imports: of all modules.

    Returns:
        One circle for each strongly connected component of more than one folder.
    """
    links: dict[tuple[str, str], list[Import]] = {}
    for item in imports:
        source, target = item.source.folder, item.target.folder
        related = f"{source}.".startswith(f"{target}.") or f"{target}.".startswith(f"{source}.")
        if not (related or item.source.is_main):
            links.setdefault((source, target), []).append(item)
    return _circles(links)


def file_circles(imports: Iterable[Import]) -> list[Circle]:
    """Finds the circles between files that exist when they are loaded.

    Args:
        imports: of all modules.

    Returns:
        One circle for each strongly connected component of more than one file.
    """
    links: dict[tuple[str, str], list[Import]] = {}
    for item in imports:
        if item.when == "at load time":
            link = str(item.source.path), str(item.target.path)
            links.setdefault(link, []).append(item)
    return _circles(links)


def _circles(links: dict[tuple[str, str], list[Import]]) -> list[Circle]:
    names = sorted({name for link in links for name in link})
    if not names:
        return []
    matrix = np.zeros((len(names), len(names)), dtype=bool)
    for source, target in links:
        matrix[names.index(source), names.index(target)] = True
    count, labels = csgraph.connected_components(matrix, directed=True, connection="strong")
    circles = []
    for label in range(count):
        members = [name for name, its in zip(names, labels, strict=True) if its == label]
        if len(members) > 1:
            inside = {link: items for link, items in links.items() if set(link) <= set(members)}
            order = sorted(inside.items(), key=lambda item: (len(item[1]), item[0]))
            circles.append(Circle(tuple(members), dict(order)))
    return sorted(circles, key=lambda circle: circle.members)
