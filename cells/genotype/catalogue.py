"""The published cells, as genotype files of this project's own format.

Beside them `hand_written`, a yardstick that is not published: dense convolutions with identities.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable

from cells.genotype import genotype_file
from cells.genotype.genotype import Genotype
from cells.support.errors import UserError, nearest

_FOLDER = pathlib.Path(__file__).parent / "published"


def names() -> list[str]:
    """The names of all genotypes of the catalogue."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


def load(name: str, also: Iterable[str] = ()) -> Genotype:
    """Loads a genotype of the catalogue by its name.

    Args:
        name: such as `nasnet_a`; `names` lists all.
        also: what else the caller knows by its name, for the error.

    Raises:
        UserError: there is none of that name; lists those that exist.
    """
    if name.startswith(f"{genotype_file.RECURRENT}:"):
        raise genotype_file.not_image_cells("genotype")
    if name not in names():
        known = [*names(), *also]
        raise UserError(
            f"genotype: {name[:80]!r} is neither in the catalogue nor a file; "
            f"{nearest(name[:80], known)}the catalogue has {', '.join(known)}"
        )
    return genotype_file.read(_FOLDER / f"{name}.json")


def find(name_or_path: str) -> Genotype:
    """Loads a genotype by its catalogue name, or from a file.

    What ends in `.json` or has a path separator is a file, everything else a name.

    Args:
        name_or_path: a name of the catalogue, or the path of a genotype file.

    Raises:
        UserError: there is no such genotype, or its file is malformed.
    """
    if is_path(name_or_path):
        return genotype_file.read(name_or_path)
    return load(name_or_path)


def is_path(name_or_path: str) -> bool:
    """Whether a genotype is given by its file, and not by its name.

    Args:
        name_or_path: what `find` takes.
    """
    looks_like_a_file = name_or_path.endswith(".json") or os.sep in name_or_path
    return looks_like_a_file or os.path.isfile(name_or_path)
