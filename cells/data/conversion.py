"""Makes a prepared TFDS set of a folder of images, so that all stages read it as any other set.

Every file is read once and decoded before anything is written; those that cannot be decoded
are left out, counted and named. JPEG and PNG files are kept byte for byte, others become PNG: so
photographs stay as small as they are, and `cells.data.decoding` turns them upright wherever they
are read.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from absl import logging

from cells.data import encoding, image_files, listing, prepared
from cells.data.image_folders import ENDINGS, ImageFile, ImageFolder
from cells.support.errors import UserError, first_line, printable
from cells.support.settings_differences import in_words, settings_differences

TEST, SEED = 0.2, 0
"""Share of a class that tests, and seed of the draw, where nobody says otherwise."""

#: The splits of a folder that has none of its own.
DRAWN = ("train", "test")

_THREADS = 8


@dataclass(frozen=True)
class Checked:
    """The images of a folder after each was decoded once.

    Attributes:
        splits: the readable images of each split.
        shape: height, width and 3 channels; None where the images differ.
        turned: how many of them EXIF turns.
        unreadable: why the others could not be decoded, by path.
    """

    splits: dict[str, list[ImageFile]]
    shape: tuple[int | None, int | None, int]
    turned: int
    unreadable: dict[str, str]


def convert(
    images: ImageFolder,
    data_dir: Path,
    name: str,
    *,
    test: float = TEST,
    seed: int = SEED,
) -> Path:
    """Returns the folder of the prepared set `data_dir/name`, made where it is not there yet.

    It is written beside and renamed, under a lock: a killed conversion leaves no half of a set,
    and of two processes the second waits and takes what the first has made. TFDS shows progress
    on standard error.

    Args:
        images: the folder of images.
        data_dir: the folder of prepared sets.
        name: of the set: lower-case letters, digits and `_`.
        test: where the folder has no splits of its own, the share of each class that becomes the
            split `test`; the rest is `train`. 0 makes no test split.
        seed: of the draw.

    Raises:
        UserError: a set of that name was made of something else, the images cannot be divided, none
            is readable, or the set cannot be written.
    """
    _require_possible(images, data_dir, name, test)
    folder = data_dir / name / prepared.VERSION
    source = {"fingerprint": images.fingerprint, "classes_only": not images.splits}
    if not images.splits:
        source |= {"test": test, "seed": seed}
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with prepared.locked(folder.parent):
            if not (folder / prepared.INFO).is_file():
                _write(images, data_dir, name, source, test, seed)
    except OSError as error:
        raise UserError(
            f"{folder}: {images.root} cannot be converted to this data set ({first_line(error)}): "
            "give another folder that can be written and has space"
        ) from error
    _require_same(folder, images.root, source)
    return folder


def cached(images: ImageFolder, root: str | None) -> Path:
    """The copy of a folder of images that was given as a data set: made once, under a name that
    says what the folder held then.

    Args:
        images: the folder of images.
        root: the folder of prepared sets that was given.

    Raises:
        UserError: as `convert`.
    """
    name = f"{images.set_name}_{images.fingerprint[:8]}"
    base = prepared.place_of(
        root, [name], lambda place: (place / name / prepared.VERSION / prepared.INFO).is_file()
    )
    folder = base / name / prepared.VERSION
    if (folder / prepared.INFO).is_file():
        return folder
    logging.warning(
        "%s: %d image files in %d classes are converted to the data set %s, once",
        images.root,
        len(images.files),
        len(images.classes),
        folder,
    )
    convert(images, base, name)
    for line in described(folder):
        logging.warning("%s", line)
    return folder


def described(folder: Path, most: int | None = 10) -> list[str]:
    """Lines that say what a converted set holds and which files could not be read.

    Args:
        folder: of the set.
        most: how many of those files are named.
    """
    info = prepared.opened(folder).info
    noted = facts(folder)
    height, width, _ = info.features["image"].shape
    sizes = ", ".join(f"{name} {split.num_examples:,}" for name, split in info.splits.items())
    lines = [
        f"{folder}: {sizes} images of {info.features['label'].num_classes} classes, "
        + (f"{height}x{width} pixels" if height else "of different sizes")
    ]
    if kinds := noted.get("passed_over"):  # Older sets do not say.
        lines.append(f"files that were left out: {listing.told(kinds)}")
    if noted.get("turned"):
        lines.append(image_files.turned_line(noted["turned"], noted["files"]))
    unreadable = noted["unreadable"]
    if unreadable:
        lines.append(f"{len(unreadable):,} of {noted['files']:,} images cannot be read:")
        lines += [f"  {path}: {why}" for path, why in list(unreadable.items())[:most]]
        if most is not None and len(unreadable) > most:
            lines.append(f"  and {len(unreadable) - most:,} more, see {folder / 'metadata.json'}")
    return [printable(line) for line in lines]


def facts(folder: Path) -> dict[str, Any]:
    """What the conversion noted: `root`, `source`, `files`, `passed_over`, `turned`, ..."""
    return dict(prepared.opened(folder).info.metadata or {})


def _require_possible(images: ImageFolder, data_dir: Path, name: str, test: float) -> None:
    if not 0.0 <= test < 1.0:
        raise UserError(
            f"--test: {test} is not a share of the images; use 0 to less than 1, as 0.2"
        )
    if not name.isidentifier() or name != name.lower() or not name.isascii():
        raise UserError(
            f"--name: {name!r} is not a name of a data set; use lower-case letters, digits and '_'"
        )
    if data_dir.resolve().is_relative_to(images.root.resolve()):
        raise UserError(
            f"--output: {data_dir} lies in the folder of images {images.root}; use one outside"
        )
    if len(images.classes) < 2:
        raise UserError(
            f"{images.root}: has images of one class only, {images.classes[0]!r}; a classifier "
            "needs two folders of images at least"
        )
    for split in images.splits:
        if not split.isidentifier():
            raise UserError(
                f"{images.root}: {split!r} cannot be the name of a split; rename the folder to "
                "letters, digits and '_'"
            )


def _require_same(folder: Path, root: Path, source: dict[str, Any]) -> None:
    noted = facts(folder).get("source") or {}
    if noted.get("fingerprint") != source["fingerprint"]:
        raise UserError(
            f"{folder}: there is a data set of that name already, made of something else than "
            f"{root} holds now; use another --name or --output, or delete it"
        )
    if different := settings_differences(source, noted):
        raise UserError(
            f"{folder}: was made of {root} with other settings ({in_words(different)}); use the "
            "same, another --name or --output, or delete it"
        )


def _write(
    images: ImageFolder,
    data_dir: Path,
    name: str,
    source: dict[str, Any],
    test: float,
    seed: int,
) -> None:
    import tensorflow_datasets as tfds

    from cells.data.examples_builder import ExamplesBuilder

    checked = check(images, test=test, seed=seed)
    root = images.root.resolve()
    metadata = {
        "root": str(root),
        "source": source,
        "files": len(images.files),
        "ignored": images.ignored,
        "passed_over": dict(images.passed_over),
        "turned": checked.turned,
        "unreadable": checked.unreadable,
    }
    builder = ExamplesBuilder(
        name=name,
        splits={split: _examples(images.root, files) for split, files in checked.splits.items()},
        data_dir=data_dir,
        description=f"Images of the folder {root}, made by `cells dataset`.",
        features=tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=checked.shape),
                "label": tfds.features.ClassLabel(names=images.classes),
                "file_name": tfds.features.Text(),
            }
        ),
        supervised_keys=("image", "label"),
        metadata=tfds.core.MetadataDict(metadata),
    )
    prepared.make(builder)


def _examples(root: Path, files: list[ImageFile]) -> Iterator[tuple[str, dict[str, Any]]]:
    # TFDS shuffles by the keys: equal folders give equal records, wherever they lie.
    for file in files:
        image = encoding.encoded((root / file.path).read_bytes()).data
        yield file.path, {"image": image, "label": file.label, "file_name": file.path}


def check(images: ImageFolder, *, test: float = TEST, seed: int = SEED) -> Checked:
    """Decodes every image once and divides the readable ones.

    Raises:
        UserError: none is readable, or they cannot be divided by class.
    """
    from tensorflow_datasets.core.utils import tqdm_utils

    readable: list[ImageFile] = []
    sizes: set[tuple[int, int]] = set()
    turned = 0
    unreadable: dict[str, str] = {}
    with ThreadPoolExecutor(_THREADS) as threads:
        outcomes = threads.map(lambda file: _read(images.root / file.path), images.files)
        for file, outcome in zip(
            images.files,
            tqdm_utils.tqdm(
                outcomes,
                desc="Reading images...",
                total=len(images.files),
                unit=" images",
                disable=None,  # Where there is no terminal.
            ),
            strict=True,
        ):
            if isinstance(outcome, str):
                unreadable[file.path] = outcome
                continue
            readable.append(file)
            # A quarter turn makes two sizes of one.
            sizes |= {outcome.size, outcome.size[::-1] if outcome.turn >= 5 else outcome.size}
            turned += outcome.turn > 1
    if not readable:
        first, why = next(iter(unreadable.items()))
        raise UserError(
            f"{images.root}: none of its {len(images.files):,} images can be read, such as {first} "
            f"({why}); use {', '.join(e.strip('.') for e in ENDINGS)} files"
        )
    height, width = sizes.pop() if len(sizes) == 1 else (None, None)
    if images.splits:
        splits: dict[str, list[ImageFile]] = {}
        for file in readable:
            splits.setdefault(file.split, []).append(file)
    else:
        splits = _drawn(images.root, readable, test, seed)
    return Checked(splits, (height, width, 3), turned, unreadable)


def _read(path: Path) -> encoding.Encoded | str:
    """An image as it is kept, or why it cannot be decoded."""
    try:
        return dataclasses.replace(encoding.encoded(path.read_bytes()), data=b"")
    except Exception as error:
        return encoding.reason(error)


def _drawn(
    root: Path, readable: list[ImageFile], test: float, seed: int
) -> dict[str, list[ImageFile]]:
    """A stratified draw of the test split."""
    if not test:
        return {"train": readable}
    from sklearn.model_selection import train_test_split

    labels = [file.label for file in readable]
    for label, count in Counter(labels).items():
        if count < 2:
            raise UserError(
                f"{root}: the class {label!r} has one readable image, which cannot both train and "
                "test; add images, remove the class, or use --test=0"
            )
    try:
        parts: Iterable[list[ImageFile]] = train_test_split(
            readable, test_size=test, stratify=labels, random_state=seed
        )
    except ValueError as error:
        raise UserError(
            f"{root}: --test={test} cannot be drawn by class from {len(readable):,} images "
            f"({first_line(error)}); use another share, or more images"
        ) from None
    return dict(zip(DRAWN, parts, strict=True))
