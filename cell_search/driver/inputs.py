"""What a search reads from outside: the same files for all of its trials.

Their fingerprints are kept in the study, so that a file which has been replaced between two runs
is noticed before old and new values are mixed.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
from collections.abc import Iterable

import optuna

from cell_search.config.resolve import Search
from cell_search.images import builder_of
from cells.support.errors import UserError

#: Attribute of a study: fingerprints by what the file is to the search.
INPUTS = "inputs"

#: Larger files are known by their size, their first bytes and their last: images may have 150 GB.
_WHOLE, _PART = 2**28, 2**16


def require_same(study: optuna.Study, search: Search) -> None:
    """Notes the files of a new search, or checks that they are those that it began with.

    A search that began before files were noted is taken as it is.

    Args:
        study: of the search, of which this process is the driver.
        search: what it reads.

    Raises:
        UserError: a file has other contents; says which, and what to do.
    """
    began = study.user_attrs.get(INPUTS)
    if began is None and study.get_trials(deepcopy=False):
        return
    paths = _paths(search)
    now = {what: _fingerprint(files) for what, files in paths.items()}
    for what, value in now.items():
        if began is not None and began.get(what, value) != value:
            raise UserError(
                f"{what}: {paths[what][0]} has other contents than when this search began, and "
                "its trials would not be comparable; put the old file back, or use another "
                "--search_dir"
            )
    if began is None:
        study.set_user_attr(INPUTS, now)


def _paths(search: Search) -> dict[str, list[pathlib.Path]]:
    """The files by what they are to the search; a folder stands for what is in it."""
    found = {f"evaluator.{what}": path for what, path in search.evaluator.files(search.images)}
    if search.config.space.file:
        found["space.file"] = search.config.space.file
    paths = {what: _files(pathlib.Path(path)) for what, path in found.items()}
    if search.evaluator.uses_images:
        split = search.images.split.split("[")[0]
        splits = builder_of(search.images).info.splits
        parts = [p for name in split.split("+") if (p := splits.get(name)) is not None]
        paths["images"] = [pathlib.Path(path) for part in parts for path in part.filepaths]
    return {what: files for what, files in paths.items() if files}


def _files(path: pathlib.Path) -> list[pathlib.Path]:
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def _fingerprint(files: Iterable[pathlib.Path]) -> str:
    told = hashlib.sha256()
    for path in files:
        size = os.path.getsize(path)
        told.update(f"{path.name} {size}\n".encode("utf-8", "surrogateescape"))
        with open(path, "rb") as file:
            if size <= _WHOLE:
                told.update(hashlib.file_digest(file, "sha256").digest())
            else:
                told.update(file.read(_PART))
                file.seek(-_PART, os.SEEK_END)
                told.update(file.read(_PART))
    return told.hexdigest()
