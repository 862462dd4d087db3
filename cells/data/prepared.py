"""Folders of prepared data sets: what lies where, whether it is whole, and who may write."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cells.data import image_folders
from cells.support.errors import UserError, first_line
from cells.support.files import expanded, writable

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

INFO = "dataset_info.json"
"""The file by which a prepared set is known."""

VERSION = "1.0.0"
"""Of the sets that this project makes of images."""


def is_path(name: str) -> bool:
    """Returns whether a data set is named by a path that cannot be a name of TFDS."""
    return os.path.isabs(name) or name.startswith((".", "~"))


def data_root(root: str | None) -> Path:
    """Returns the folder of prepared sets: `root`, or TFDS' own where that is None."""
    if root is None:
        from tensorflow_datasets.core import constants

        root = constants.DATA_DIR
    return expanded(root)


def cache() -> Path:
    """Returns the folder of sets that this project makes where nobody gave it a folder for them."""
    if own := os.environ.get("CELLS_CACHE_DIR"):
        return expanded(own)
    return expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "transferable-cells"


def place_of(root: str | None, ours: Collection[str], has: Callable[[Path], bool]) -> Path:
    """Returns where a set of this project lies prepared, or is to be made.

    Somebody's collection stays as it is: a folder that was given is filled only if it is new or
    empty, or holds nothing but sets of this project. Else TFDS' own folder and the cache are looked
    into, and the cache is filled.

    Args:
        root: the folder of prepared sets that was given.
        ours: the names of this project's sets.
        has: whether a folder has the set.
    """
    if root is not None and (has(base := expanded(root)) or _may_fill(base, ours)):
        return base
    return next((place for place in (data_root(None), cache()) if has(place)), cache())


def _may_fill(base: Path, ours: Collection[str]) -> bool:
    if not base.is_dir():
        return True  # One that cannot be made is a slip, and told when it is.
    # Beside sets that an older version made there is a folder for downloads.
    known = {*ours, "downloads"}
    return writable(base) and all(path.name in known for path in base.iterdir())


def prepared(root: Path) -> dict[str, Path]:
    """Returns the sets that lie prepared in the folder: `name` or `name/config`, and where.

    Of several versions the last in the order of their names is returned.
    """
    found = sorted([*root.glob(f"*/*/{INFO}"), *root.glob(f"*/*/*/{INFO}")])
    return {file.parent.parent.relative_to(root).as_posix(): file.parent for file in found}


def make(builder: tfds.core.DatasetBuilder) -> None:
    """Makes a set that needs no download, and nothing else: no words, and no folder where it fails.

    TFDS's bars are shown on a terminal, where they move.

    Args:
        builder: of the set.
    """
    import tensorflow_datasets as tfds

    with contextlib.ExitStack() as quiet:
        if not sys.stderr.isatty():
            tfds.display_progress_bar(False)
            quiet.callback(tfds.display_progress_bar, True)
        nowhere = quiet.enter_context(open(os.devnull, "w"))
        quiet.enter_context(contextlib.redirect_stdout(nowhere))
        # TFDS makes a folder for downloads, whether there are any or not.
        downloads = quiet.enter_context(tempfile.TemporaryDirectory())
        try:
            builder.download_and_prepare(download_dir=downloads)
        except BaseException:
            with contextlib.suppress(OSError):
                os.rmdir(os.path.dirname(builder.data_dir))
            raise


def opened(folder: Path | str) -> tfds.core.DatasetBuilder:
    """Returns the builder of the prepared set in a folder, or at an address.

    Raises:
        UserError: it is damaged.
    """
    import tensorflow_datasets as tfds

    try:
        return tfds.builder_from_directory(folder)
    # Over broken files TFDS raises errors of many types, none of them documented.
    except Exception as error:
        raise damaged(folder, first_line(error)) from error


def require_whole(builder: tfds.core.DatasetBuilder) -> None:
    """Raises `UserError` where a file of the prepared set is missing or cut short."""
    folder = Path(builder.data_dir)
    if not (folder / INFO).is_file():
        raise damaged(folder, f"{INFO} is missing")
    if not builder.info.splits:
        raise damaged(folder, f"{INFO} names no split")
    present = {entry.name: entry.stat().st_size for entry in os.scandir(folder)}
    for split, info in builder.info.splits.items():
        missing = [name for name in info.filenames if name not in present]
        if missing:
            raise damaged(
                folder,
                f"{len(missing)} of {len(info.filenames)} files of split {split!r} are missing, "
                f"such as {missing[0]}",
            )
        size = sum(present[name] for name in info.filenames)
        # TFDS counts the bytes of the records, to which the frames of the format are added.
        if info.filename_template.filetype_suffix == "tfrecord" and size < int(info.num_bytes):
            raise damaged(
                folder,
                f"the files of split {split!r} have {size:,} bytes, their records alone "
                f"{int(info.num_bytes):,}",
            )


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the only lock on the folder; the system lets go of it if the process dies.

    TFDS writes beside the final folder and renames, so that readers never see half a set. Two
    writers do clash: the later rename fails, and as the name to write to comes from `random`,
    processes that seeded it alike even write into the same folder.
    """
    try:
        import fcntl
    except ImportError:  # Windows: several processes must not prepare one set at once there.
        yield
        return
    # The folder itself is locked, so that no lock file stays behind.
    handle = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems know no locks; a process that is alone gets by without.
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def no_set_in(folder: Path) -> UserError:
    """Returns the error for a given folder that holds no prepared set."""
    if not folder.exists():
        return UserError(
            f"there is no folder {folder}: give that of a prepared data set, which holds its {INFO}"
        )
    below = sorted(
        str(file.parent) for file in [*folder.glob(f"*/{INFO}"), *folder.glob(f"*/*/{INFO}")]
    )
    if below:
        return UserError(
            f"{folder} is not itself the folder of a prepared data set, but holds such folders: "
            f"give {below[0]}" + (f" or another of the {len(below)}" if len(below) > 1 else "")
        )
    if image_folders.find(folder) is not None:
        return UserError(f"{folder} is a folder of images, not the name of a set: write ./{folder}")
    return UserError(
        f"{folder} holds no prepared data set, or a damaged one: it has no {INFO}, nor images as "
        "CLASS/* or SPLIT/CLASS/*"
    )


def damaged(folder: Path | str, why: str) -> UserError:
    """Returns the error for a prepared set that cannot be used."""
    return UserError(
        f"the prepared data set in {folder} is damaged ({why}): delete the folder or restore it"
    )
