"""What a search reads from outside: the same files for all of its trials.

Their fingerprints are kept in the study, so that a file which has been replaced between two runs
is noticed before old and new values are mixed.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
from collections.abc import Sequence

import optuna

from cell_search.config.search import Search
from cell_search.images import builder_of
from cells.support.errors import UserError

#: Attribute of a study: fingerprints by what the file is to the search.
INPUTS = "inputs"

#: Of more bytes than these, each file is known by its size, its first bytes and its last: images
#: may have 150 GB.
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
                "search directory"
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
    # What lies behind a URL is not looked at.
    local = {what: [p for p in files if p.is_file()] for what, files in paths.items()}
    return {what: files for what, files in local.items() if files}


def _files(path: pathlib.Path) -> list[pathlib.Path]:
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def _fingerprint(files: Sequence[pathlib.Path]) -> str:
    told = hashlib.sha256()
    sizes = [os.path.getsize(path) for path in files]
    for path, size in zip(files, sizes, strict=True):
        told.update(f"{path.name} {size}\n".encode("utf-8", "surrogateescape"))
        with open(path, "rb") as file:
            if sum(sizes) <= _WHOLE or size <= _PART:
                told.update(hashlib.file_digest(file, "sha256").digest())
            else:
                told.update(file.read(_PART))
                file.seek(-_PART, os.SEEK_END)
                told.update(file.read(_PART))
    return told.hexdigest()
