"""Finds a data set by name or folder, and prepares it where that is still to be done."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cells.data import conversion, image_folders, prepared
from cells.data.downloads import not_downloaded, require_network
from cells.support.addresses import is_address
from cells.support.errors import UserError, first_line, nearest
from cells.support.files import expanded, path_text, writable

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

EMBEDDED = {
    "digits": "cells.data.embedded.digits",
    "digits_scenes": "cells.data.embedded.digits_scenes",
}
"""The sets that come with this project and need no download, and the modules that build them."""


#: Given the name of a set and its splits, raises a UserError where these will not do.
Accept = Callable[[str, Collection[str]], None]


def builder(
    name: str, data_dir: str | os.PathLike[str] | None = None, accept: Accept | None = None
) -> tfds.core.DatasetBuilder:
    """Returns the TFDS builder of a data set, prepared: its splits can be read at once.

    A set that is not prepared is prepared first, under a lock, so that several processes may ask
    for it at the same time: the first prepares and the others wait. The sets of this project
    (`EMBEDDED`) are computed in some seconds; others TFDS downloads. TFDS reports on stderr.

    Args:
        name: a name as TFDS takes it (`cifar10`, `coco/2017`, `digits:1.0.0`), also of a set that
            TFDS does not know but that lies prepared in `data_dir`; or the folder of a prepared
            set, which holds its `dataset_info.json`; or a folder of image files, `CLASS/*` or
            `SPLIT/CLASS/*`, given as a path (`./flowers`, not `flowers`). Such a folder is
            converted to a set once, see `cells.data.conversion`. Addresses that TFDS knows (`gs://`)
            do for prepared sets.
        data_dir: the local folder that holds the prepared sets and receives those that TFDS
            downloads; without it, TFDS' own: the environment variable `TFDS_DATA_DIR`, or
            `~/tensorflow_datasets`. What this project makes itself, its own sets and copies of
            folders of images, is found there, too, but written there only if the folder is new or
            holds nothing else; else to the environment variable `CELLS_CACHE_DIR`, or
            `~/.cache/transferable-cells`. It is not looked at where `name` is a prepared folder.
        accept: refuses a set for its splits; a folder of images before it is converted.

    Raises:
        UserError: for a name that nobody knows, a configuration or version that does not exist, a
            set that can be neither found nor downloaded, a folder that cannot be written, or a
            prepared set that is damaged or lacks files.
    """
    accept = accept or (lambda name, splits: None)
    found = _find(name, path_text(data_dir) if data_dir else None, accept)
    if not is_address(found.data_dir):
        prepared.require_whole(found)
    accept(found.info.full_name, found.info.splits)
    return found


def _find(name: str, root: str | None, accept: Accept) -> tfds.core.DatasetBuilder:
    if is_address(name):
        return prepared.opened(name)
    folder = expanded(name)
    if (folder / prepared.INFO).is_file():
        return prepared.opened(folder)
    # What this project makes lies on this machine.
    local = None if root and is_address(root) else root
    if prepared.is_path(name):
        if (images := image_folders.find(folder)) is not None:
            accept(name, images.splits or conversion.DRAWN)
            return prepared.opened(conversion.cached(images, local))
        raise prepared.no_set_in(folder)

    short, given = _parsed(name)
    if short in EMBEDDED:
        return _embedded(name, short, local)
    found = _open(name, short, root)
    if found.data_path.exists():
        return found
    if local != root:
        raise UserError(
            f"the data set {name!r} is not prepared in {root}; have TFDS prepare it there"
        )
    if "config" not in given:
        _require_meant(found, short, root)
    base = prepared.data_root(root)
    if not writable(base):
        raise UserError(
            f"the data set {name!r} is not prepared in {base}, and new sets cannot be written "
            f"there (it holds {', '.join(prepared.prepared(base)) or 'no prepared set'}): give "
            "another folder, or set TFDS_DATA_DIR"
        )
    return _prepare(found, name, short, root)


def _embedded(name: str, short: str, root: str | None) -> tfds.core.DatasetBuilder:
    """A set of this project, from wherever it lies, or made."""
    importlib.import_module(EMBEDDED[short])  # This registers it with TFDS.

    def has(place: Path) -> bool:
        return _open(name, short, str(place)).data_path.exists()

    place = str(prepared.place_of(root, EMBEDDED, has))
    found = _open(name, short, place)
    return found if found.data_path.exists() else _prepare(found, name, short, place)


def _parsed(name: str) -> tuple[str, dict[str, Any]]:
    """The set's own name, and what else the given name fixes (`config`, `version`)."""
    from tensorflow_datasets.core import naming

    try:
        short, given = naming.parse_builder_name_kwargs(name)
    except ValueError as error:
        if name and Path(name).exists():
            raise prepared.no_set_in(Path(name)) from error
        raise UserError(
            f"{name!r} is neither the name of a data set (such as 'cifar10', 'coco/2017' or "
            f"'digits:1.0.0') nor the folder of a prepared one, which holds its {prepared.INFO}"
            + (f": {near.strip()}" if (near := _near(name)) else "")
        ) from error
    return str(short), given


def _open(name: str, short: str, root: str | None) -> tfds.core.DatasetBuilder:
    """The builder of that name, prepared or not."""
    import tensorflow_datasets as tfds

    try:
        return tfds.builder(name, data_dir=root)
    except tfds.core.DatasetNotFoundError as error:
        raise _unknown(name, short, root) from error
    except Exception as error:
        raise _unopened(name, short, root, error) from error


def _unknown(name: str, short: str, root: str | None) -> UserError:
    """The error for a set that has no code and that TFDS does not find prepared either."""
    if Path(name).exists():
        return prepared.no_set_in(Path(name))
    base = prepared.data_root(root)
    for folder in _prepared_of(short, root).values():
        # Without its features.json a prepared set counts as not found.
        if not (folder / "features.json").exists():
            return prepared.damaged(folder, "features.json is missing")
        return UserError(f"{base} holds no data set {name!r}, but the set of that name in {folder}")
    known = {*_known(), *prepared.prepared(base)}
    return UserError(
        f"no data set is called {name!r}, neither in TFDS nor in {base}: {nearest(name, known)}"
        f"the folder of a prepared set, which holds its {prepared.INFO}, can be given, too"
    )


def _near(name: str) -> str:
    """The nearest names of what is no name at all, such as `CIFAR-10`, but may be a path."""
    return "" if "/" in name else nearest(name.lower(), _known())


def _known() -> set[str]:
    """The names that have code."""
    import tensorflow_datasets as tfds

    return {*tfds.list_builders(with_community_datasets=False), *EMBEDDED}


def _unopened(name: str, short: str, root: str | None, error: Exception) -> UserError:
    """The error for a set that TFDS knows but does not open."""
    import tensorflow_datasets as tfds

    if "BuilderConfig" in str(error):
        configs = [f"{short}/{config}" for config in tfds.builder_cls(short).builder_configs]
        return UserError(
            f"the data set {short!r} has no configuration {name!r}: {nearest(name, configs)}"
            f"it has {', '.join(configs[:10]) or 'no configurations'}"
            + (", ..." if len(configs) > 10 else "")
        )
    if not isinstance(error, AssertionError):  # So TFDS refuses a version.
        for folder in _prepared_of(short, root).values():
            return prepared.damaged(folder, first_line(error))
    return UserError(f"TFDS does not open the data set {name!r}: {first_line(error)}")


def _prepare(
    found: tfds.core.DatasetBuilder, name: str, short: str, root: str | None
) -> tfds.core.DatasetBuilder:
    if short not in EMBEDDED:
        require_network(found, name)
    parent = Path(found.data_dir).parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritten(name, parent, error) from error
    with prepared.locked(parent):
        # Another process may have prepared it while this one waited.
        found = _open(name, short, root)
        if found.data_path.exists():
            return found
        try:
            if short in EMBEDDED:
                prepared.make(found)
            else:
                # Stdout is for results, which other programs may read.
                with contextlib.redirect_stdout(sys.stderr):
                    found.download_and_prepare()
        except Exception as error:
            if short not in EMBEDDED:
                raise not_downloaded(found, name, error) from error
            if isinstance(error, OSError):
                raise _unwritten(name, parent, error) from error
            raise  # A fault of this project.
    return found


def _unwritten(name: str, folder: Path, error: OSError) -> UserError:
    return UserError(
        f"the data set {name!r} cannot be written to {folder} ({first_line(error)}): give another "
        "folder, or set TFDS_DATA_DIR or CELLS_CACHE_DIR"
    )


def _require_meant(found: tfds.core.DatasetBuilder, short: str, root: str | None) -> None:
    """Raises `UserError` where `coco` would download coco/2014 while coco/2017 lies there."""
    others = [known for known in _prepared_of(short, root) if known != short]
    if found.builder_config and others:
        meant = f"{short}/{found.builder_config.name}"
        raise UserError(
            f"{short!r} means {meant!r}, which is not prepared in {prepared.data_root(root)}: name "
            f"what is ({', '.join(others)}), or {meant!r} to download it"
        )


def _prepared_of(short: str, root: str | None) -> dict[str, Path]:
    """The set's prepared configurations, as `folders.prepared` returns them."""
    everything = prepared.prepared(prepared.data_root(root))
    return {known: at for known, at in everything.items() if known.split("/")[0] == short}
