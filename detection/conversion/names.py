"""Names of classes out of a file, and numbers for images out of their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from cells.support import files, yaml_file
from cells.support.errors import UserError, cut
from detection.conversion.numbers import shown

#: ImageNet's full list has 21,841 names.
_MOST_BYTES = 2**24

#: What YAML takes for no value at all.
_NOTHING = ("", "~", "null", "Null", "NULL")


def read(path: Path) -> list[str]:
    """The names of classes, in the order of their numbers from 0.

    Args:
        path: a YAML file with `names:` (a list, or names by number), or a name in each line.

    Raises:
        UserError: it cannot be read, names none, or one twice.
    """
    if is_yaml(path):
        found = _of_yaml(path)
    else:
        text = files.read_text(path, "class list", _MOST_BYTES)
        found = [line.strip() for line in text.rstrip().split("\n")]
    if not found or not all(found):
        raise UserError(f"{path}: has {'an empty name' if any(found) else 'no names'} of classes")
    counted = Counter(found)
    if len(counted) < len(found):
        twice = counted.most_common(1)[0][0]
        raise UserError(
            f"{path}: two classes are called {cut(twice)!r}; give each a name of its own"
        )
    return found


def is_yaml(path: Path) -> bool:
    """Whether a file is YAML by its name."""
    return path.suffix.lower() in (".yaml", ".yml")


def settings(path: Path) -> dict[str, Any]:
    """What a data set's YAML file says, every value as the text that stands there.

    Raises:
        UserError: it cannot be read.
    """
    values = yaml_file.read(path, "data set", as_text=True)
    if not isinstance(values, dict):
        raise UserError(f"{path}: must hold `key: value` lines, such as `names: [cat, dog]`")
    return values


def _of_yaml(path: Path) -> list[str]:
    values = settings(path)
    given = values.get("names")
    if isinstance(given, dict):
        numbers = [str(number) for number in range(len(given))]
        if given.keys() != set(numbers):
            raise UserError(f"{path}: names: has numbers other than 0 to {len(given) - 1}")
        given = [given[number] for number in numbers]
    if not isinstance(given, list):
        raise UserError(f"{path}: has no list of classes under 'names'")
    for number, name in enumerate(given):
        if not isinstance(name, str) or name.strip() in _NOTHING:
            raise UserError(f"{path}: names: that of class {number} is {shown(name)}, no name")
    count = values.get("nc", str(len(given)))
    if count != str(len(given)):
        raise UserError(f"{path}: nc: is {shown(count)}, but names has {len(given):,}; mend one")
    return [name.strip() for name in given]


def image_ids(file_names: Sequence[str]) -> list[int]:
    """Numbers of images: those in their names where every name is another number, else 1, 2, ..."""
    stems = [PurePosixPath(name).stem for name in file_names]
    if all(stem.isascii() and stem.isdecimal() and len(stem) <= 15 for stem in stems):
        numbers = [int(stem) for stem in stems]
        if len(set(numbers)) == len(numbers):
            return numbers
    return list(range(1, len(stems) + 1))
