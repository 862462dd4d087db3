"""The files of a folder or an archive that are meant; what else lies there is counted by kind."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath, PurePosixPath

from absl import logging

from cells.support.errors import UserError, printable
from cells.support.files import reason


def is_hidden(path: PurePath) -> bool:
    """Whether a relative path is hidden, or lies in what is: macOS's `._x.jpg`, `__MACOSX/`."""
    return any(part == "__MACOSX" or (part[0] == "." and part != "..") for part in path.parts)


def kind_of(path: PurePath) -> str:
    """What a file that is passed over is counted as."""
    return "hidden" if is_hidden(path) else path.suffix.lower() or "without ending"


def find(root: Path, endings: Sequence[str]) -> list[Path]:
    """The files in a folder, and in all folders in it, that end so, sorted.

    Args:
        root: the folder.
        endings: in lower case, with their dot.

    Raises:
        UserError: a folder cannot be listed.
    """
    found: list[Path] = []
    others: list[str] = []
    for folder, folders, names in os.walk(root, onerror=_refuse):
        for name in folders[:]:
            # Links are not followed: they may lead in circles.
            if is_hidden(PurePath(name)) or os.path.islink(os.path.join(folder, name)):
                folders.remove(name)
                others.append("hidden" if is_hidden(PurePath(name)) else "links to folders")
        for path in (Path(folder, name) for name in names):
            kind = kind_of(PurePath(path.name))
            if kind not in endings:
                others.append(kind)
            elif path.is_file():
                found.append(path)
            else:
                others.append("broken links, pipes and the like")
    tell(root, others)
    return sorted(found)


def find_names(names: Iterable[str], endings: Sequence[str], source: str) -> list[str]:
    """As `find`, among the names of an archive's files."""
    kinds = {name: kind_of(PurePosixPath(name)) for name in names}
    tell(source, [kind for kind in kinds.values() if kind not in endings])
    return [name for name, kind in kinds.items() if kind in endings]


def tell(source: str | os.PathLike[str], kinds: Sequence[str]) -> None:
    """Says how many files were passed over, by kind."""
    if kinds:
        logging.warning("%s: passed over %s", printable(os.fspath(source)), told(kinds))


def told(kinds: Iterable[str] | Mapping[str, int], most: int = 8) -> str:
    """Kinds of files, or how many of each, in words: `12 .txt, 2 hidden`."""
    counted = sorted(Counter(kinds).items(), key=lambda pair: (-pair[1], pair[0]))
    shown = [f"{count:,} {printable(kind)}" for kind, count in counted[:most]]
    rest = sum(count for _, count in counted[most:])
    return ", ".join([*shown, f"{rest:,} others"] if rest else shown)


def _refuse(error: OSError) -> None:
    raise UserError(f"{error.filename}: cannot be listed ({reason(error)})")
