"""The folder of images: whether it can be divided, and the data set that is made of it.

Test images are drawn once, when the folder is converted, and every later step is given the split
`train` only; the search divides that split again for its own scores.
"""

from __future__ import annotations

import pathlib
import shutil
from collections import Counter
from dataclasses import dataclass

from cells.data import image_folders
from cells.data.image_folders import ImageFolder
from cells.support.errors import UserError
from cells.support.files import expanded

#: Images of a class that are not for the test: some of them train, and some score the search.
LEAST_OF_CLASS = 8

#: So large a part of a folder without splits tests.
TEST = 0.2


@dataclass(frozen=True)
class Divided:
    """The data set of a folder.

    Attributes:
        folder: of the prepared set; its splits are `train` and what `test` names.
        classes: names, in the order of the labels.
        training, testing: how many images.
        test: name of the split that tests.
        unreadable: how many files were left out.
        turned: how many are turned upright, as their EXIF data say.
        largest: the share of the most frequent class among the test images, which any guess can
            reach.
    """

    folder: str
    classes: tuple[str, ...]
    training: int
    testing: int
    test: str
    unreadable: int
    largest: float
    turned: int = 0


def find(folder: str) -> ImageFolder:
    """What a folder holds, by the names of its files.

    Raises:
        UserError: no images, one class, too few of a class, or splits without `train` or test.
    """
    root = expanded(folder)
    if not root.is_dir():
        raise UserError(f"--images: there is no folder {root}")
    images = image_folders.find(root)
    if images is None:
        raise UserError(
            f"--images: {root} holds no images as CLASS/* or SPLIT/CLASS/*; put the images of each "
            f"class into a folder of its own (files that end in {', '.join(image_folders.ENDINGS)})"
        )
    if len(images.classes) < 2:
        raise UserError(
            f"--images: {root} has images of one class only, {images.classes[0]!r}; a classifier "
            "needs two folders of images at least"
        )
    if images.splits and "train" not in images.splits:
        raise UserError(
            f"--images: {root} has the splits {', '.join(images.splits)} and no 'train'; rename "
            "the folder of the training images"
        )
    least = LEAST_OF_CLASS if images.splits else round(LEAST_OF_CLASS / (1.0 - TEST))
    counts = Counter(f.label for f in images.files if f.split in ("", "train"))
    for label in images.classes:
        if counts[label] < least:
            where = " in 'train'" if images.splits else ""
            raise UserError(
                f"--images: the class {label!r} of {root} has {counts[label]} images{where}, and "
                f"at least {least} are needed to train, to choose and to test; add some, or remove "
                "the class"
            )
    return images


def divide(images: ImageFolder, data_dir: pathlib.Path, seed: int) -> Divided:
    """Makes a data set of a folder, once.

    Args:
        images: from `find`.
        data_dir: the folder of prepared sets.
        seed: of the draw of the test images.

    Raises:
        UserError: the folder has changed since, its images cannot be read or divided, or the set
            cannot be written.
    """
    from cells.data import conversion

    folder = conversion.convert(images, data_dir, images.set_name, test=TEST, seed=seed)
    try:
        return _divided(images, folder)
    except UserError:
        # Of mended images the set is made again.
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _divided(images: ImageFolder, folder: pathlib.Path) -> Divided:
    from cells import data
    from cells.data import conversion

    builder = data.builder(str(folder))
    test = data.test_split(builder.info.splits)
    if test is None:
        raise UserError(
            f"--images: {images.root} has the splits {', '.join(images.splits)} and none to test "
            "with; add 'test', or give the folder of 'train', from which images are drawn"
        )
    classes = data.image_classes(builder)
    training = Counter(data.read_labels(builder, "train", classes).tolist())
    testing = Counter(data.read_labels(builder, test, classes).tolist())
    for label, name in enumerate(classes.class_names):
        if training[label] < LEAST_OF_CLASS:
            raise UserError(
                f"--images: of the class {name!r} of {images.root} {training[label]} training "
                f"images can be read, and at least {LEAST_OF_CLASS} are needed; add some, or "
                "remove the class"
            )
    facts = conversion.facts(folder)
    return Divided(
        folder=str(folder),
        classes=tuple(classes.class_names),
        training=training.total(),
        testing=testing.total(),
        test=test,
        unreadable=len(facts["unreadable"]),
        turned=facts.get("turned", 0),
        largest=max(testing.values()) / testing.total(),
    )
