"""Names of classes out of a file, and numbers for images out of their names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from cells.support.errors import UserError
from cells.support.overrides import read_yaml


def read(path: Path) -> list[str]:
    """The names of classes, in the order of their numbers from 0.

    Args:
        path: a YAML file with `names:` (a list, or names by number), or a name in each line.

    Raises:
        UserError: it cannot be read, names none, or one twice.
    """
    if path.suffix in (".yaml", ".yml"):
        given = read_yaml(str(path)).get("names")
        if isinstance(given, dict):
            if sorted(given) != list(range(len(given))):
                raise UserError(f"{path}: names: has numbers other than 0 to {len(given) - 1}")
            given = [given[number] for number in range(len(given))]
        if not isinstance(given, list):
            raise UserError(f"{path}: has no list of classes under 'names'")
        found = [str(name).strip() for name in given]
    else:
        try:
            found = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: cannot be read as names of classes ({error})") from None
        while found and not found[-1]:
            found.pop()
    if not found or not all(found):
        raise UserError(f"{path}: has {'an empty name' if found else 'no names'} of classes")
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{path}: two classes are called {twice!r}; give each a name of its own")
    return found


def image_ids(file_names: Sequence[str]) -> list[int]:
    """Numbers of images: those in their names where every name is another number, else 1, 2, ..."""
    stems = [PurePosixPath(name).stem for name in file_names]
    if all(stem.isascii() and stem.isdecimal() and len(stem) <= 15 for stem in stems):
        numbers = [int(stem) for stem in stems]
        if len(set(numbers)) == len(numbers):
            return numbers
    return list(range(1, len(stems) + 1))
