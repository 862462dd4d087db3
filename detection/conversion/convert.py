"""Annotations and images to sharded TFRecords in Model Garden's format, resumable and verified.

Each shard is written beside, read back, and renamed; a note beside it says what it holds. A killed
conversion goes on behind its last whole shard. `boxes.json`, which makes the folder a data set, is
written last, from the notes.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from cells.data import encoding, image_files, listing, prepared
from cells.support import files, json_file
from cells.support.errors import UserError
from cells.support.files import atomic_path, expanded, write_atomically
from detection.conversion import boxes, masks
from detection.conversion import orientation as turns
from detection.conversion.annotations import AnnotatedImage, Annotations
from detection.conversion.contents import Contents
from detection.conversion.image_files import ImageFiles
from detection.conversion.orientation import Turn
from detection.data import records
from detection.data.dataset import MOST_ASPECT
from detection.data.decoder import SHIFT

IMAGES_PER_SHARD = 1000
"""Where nobody says how many shards there are to be."""

_THREADS = 8

_Named = tuple[AnnotatedImage, str]


def convert(
    annotations: Annotations,
    images: ImageFiles,
    output: str | os.PathLike[str],
    *,
    shards: int | None = None,
    with_masks: bool = False,
) -> records.Records:
    """Writes a folder of boxes that the trainer reads.

    Every image is decoded once. One that cannot be, that has another size than its annotations say,
    or that is narrower than 1 to `MOST_ASPECT` is left out and named. JPEG and PNG files are kept
    byte for byte, others become PNG. What becomes of boxes: `detection.conversion.boxes`; of
    photographs that EXIF would turn: `detection.conversion.orientation`.

    Args:
        annotations: of the images.
        images: the image files.
        output: the folder; one with the same conversion is completed, or returned as it is.
        shards: number of record files; by default one for each `IMAGES_PER_SHARD` images.
        with_masks: whether the outlines of objects are kept, as Mask R-CNN wants them.

    Raises:
        UserError: an image is missing, none can be used, or the folder holds something else or
            cannot be written.
    """
    if shards is not None and not 1 <= shards <= len(annotations.images):
        raise UserError(
            f"--shards: {shards} is not from 1 to the number of images, {len(annotations.images)}"
        )
    folder = expanded(output)
    count = shards or math.ceil(len(annotations.images) / IMAGES_PER_SHARD)
    conversion = _Conversion(annotations, images, _named(annotations, images), count, with_masks)
    fingerprint = conversion.fingerprint()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with prepared.locked(folder):
            if not (folder / records.INFO).is_file():
                source = {"annotations": annotations.source, "images": images.source}
                conversion.write(folder, {**source, "fingerprint": fingerprint})
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror or error})") from error
    found = records.find(os.fspath(folder))
    if found.info.get("source", {}).get("fingerprint") != fingerprint:
        raise UserError(
            f"--output: {folder} holds boxes already that were made of something else, or with "
            "other settings; give another folder, or delete it"
        )
    return found


def _named(annotations: Annotations, images: ImageFiles) -> list[_Named]:
    """Each image with its file.

    Raises:
        UserError: some are missing; says how many and names the first.
    """
    found = [(image, images.find(image.file_name)) for image in annotations.images]
    missing = [image.file_name for image, file in found if not file]
    if missing:
        raise UserError(
            f"{images.source}: {len(missing):,} of the {len(found):,} images that "
            f"{annotations.source} names are missing, such as {missing[0]}"
        )
    return [(image, file) for image, file in found if file]


@dataclass(frozen=True)
class _Conversion:
    """What is converted, and how.

    Attributes:
        annotations: of the images.
        images: the image files.
        named: each image with its file.
        shards: number of record files.
        with_masks: whether the outlines of objects are kept.
    """

    annotations: Annotations
    images: ImageFiles
    named: Sequence[_Named]
    shards: int
    with_masks: bool

    def fingerprint(self) -> str:
        """Hexadecimal digits that change with all of it."""
        digest = hashlib.sha256(self.annotations.fingerprint.encode())
        for _, file in self.named:
            digest.update(os.fsencode(f"{file}\0{self.images.size(file)}\n"))
        digest.update(repr((self.shards, self.with_masks)).encode())
        return digest.hexdigest()

    def write(self, folder: Path, source: dict[str, Any]) -> None:
        """Writes the folder, or what is missing of it.

        Args:
            folder: of the boxes.
            source: what is noted of where they come from.
        """
        from tensorflow_datasets.core.utils import tqdm_utils

        named, shards = self.named, self.shards
        total = Contents()
        notes = [folder / f".records-{i:05d}.json" for i in range(shards)]
        paths = [folder / f"records-{i:05d}-of-{shards:05d}.tfrecord" for i in range(shards)]
        _require_own(folder, notes, source)
        bounds = [len(named) * i // shards for i in range(shards + 1)]
        bar = tqdm_utils.tqdm(desc="Converting...", total=len(named), unit=" images", disable=None)
        with bar as progress:
            for i, note in enumerate(notes):
                part = named[bounds[i] : bounds[i + 1]]
                if note.is_file():
                    contents = Contents.from_dict(_noted(note)["contents"])
                    progress.update(len(part))
                else:
                    contents = self._write_shard(part, paths[i], progress)
                    values = {"source": source, "contents": contents.to_dict()}
                    write_atomically(note, records.info_text(values))
                total.add(contents)
        if not total.images:
            for path in (*notes, *paths):
                path.unlink()
            name, why = next(iter(total.left_out.items()))
            raise UserError(
                f"{self.images.source}: none of the {len(named):,} images can be used, such as "
                f"{name}: {why}"
            )
        info: dict[str, Any] = {
            "source": source,
            "categories": self.annotations.categories.entries,
            "records": f"records-*-of-{shards:05d}.tfrecord",
            "shards": shards,
            "bytes": [path.stat().st_size for path in paths],
            "masks": self.with_masks,
            "contents": total.to_dict(),
        }
        write_atomically(folder / records.INFO, records.info_text(info))
        for note in notes:
            note.unlink()

    def _write_shard(self, part: Sequence[_Named], path: Path, progress: Any) -> Contents:
        import tensorflow as tf

        contents = Contents()
        with atomic_path(path) as temporary:
            with (
                tf.io.TFRecordWriter(os.fspath(temporary)) as writer,
                ThreadPoolExecutor(_THREADS) as threads,
            ):
                for example, found in threads.map(self._example, part):
                    if example is not None:
                        writer.write(example)
                    contents.add(found)
                    progress.update(1)
            _require_written(temporary, contents, path)
        return contents

    def _example(self, pair: _Named) -> tuple[bytes | None, Contents]:
        """An example, serialized, or None, and what it adds to the contents."""
        import tensorflow as tf
        from official.vision.data import tfrecord_lib

        image, file = pair
        annotations = self.annotations
        encoded, size, turn = _encoded(self.images, file, image.size)
        if isinstance(size, str):
            return None, Contents(left_out={file: size})
        height, width = size
        if image.size not in (None, size):
            other = "{}x{} in its annotations".format(*image.size)
            why = f"is {height}x{width} pixels, and {other}"
            return None, Contents(left_out={file: why})
        kept, faults = boxes.checked(annotations.objects_of(image), height, width)
        kind = "jpeg" if encoded[:1] == b"\xff" else "png"
        features = tfrecord_lib.image_info_to_feature_dict(
            height, width, file, image.image_id, encoded, kind
        )
        labels = annotations.categories.labels
        contents = Contents(
            images=1,
            objects=len(kept),
            crowds=sum(box.kept.crowd for box in kept),
            images_without_objects=int(not kept),
            most_objects=len(kept),
            turned=[file] if turn is Turn.TURNED else [],
            as_stored=[file] if turn is Turn.AS_STORED else [],
            faults=faults,
        )
        if kept:
            feature = tfrecord_lib.convert_to_feature
            classes = [labels[box.kept.category_id] for box in kept]
            areas = [
                box.kept.area if box.kept.area is not None else _area(box.corners, height, width)
                for box in kept
            ]
            columns = zip(*(box.corners for box in kept), strict=True)
            for key, values in zip(("ymin", "xmin", "ymax", "xmax"), columns, strict=True):
                features[f"image/object/bbox/{key}"] = feature(list(values), "float_list")
            names = [annotations.categories.names[label].encode() for label in classes]
            shifted, crowds = [n + SHIFT for n in classes], [int(box.kept.crowd) for box in kept]
            features |= {
                "image/object/class/text": feature(names, "bytes_list"),
                "image/object/class/label": feature(shifted, "int64_list"),
                "image/object/is_crowd": feature(crowds, "int64_list"),
                "image/object/area": feature(areas, "float_list"),
            }
            if self.with_masks:
                drawn = [masks.draw(box, height, width) for box in kept]
                outlines = [outline for _, outline in drawn]
                contents.boxes_as_masks = outlines.count(masks.Outline.NONE)
                faults.outlines += [
                    box.kept.object_id
                    for box, outline in zip(kept, outlines, strict=True)
                    if outline is masks.Outline.DAMAGED
                ]
                features["image/object/mask"] = feature([png for png, _ in drawn], "bytes_list")
        example = tf.train.Example(features=tf.train.Features(feature=features))
        return example.SerializeToString(deterministic=True), contents


def _require_own(folder: Path, notes: Sequence[Path], source: dict[str, Any]) -> None:
    """Refuses a folder that another conversion began, or that holds other things."""
    for path in folder.iterdir():
        begun = path.name.startswith((".records-", "records-"))
        if not begun and not listing.is_hidden(PurePath(path.name)):
            raise UserError(
                f"--output: {folder} holds other files, such as {path.name}; give one "
                "that is empty or does not exist"
            )
        is_note = begun and path.suffix == ".json"
        if is_note and (path not in notes or _noted(path).get("source") != source):
            raise UserError(
                f"--output: {folder} holds a part of another conversion; give another folder, "
                "or delete it"
            )


def _noted(note: Path) -> dict[str, Any]:
    """What is noted of a shard; empty where that is damaged."""
    try:
        values = json_file.loads(files.read(note, "note", records.MOST_BYTES), "note")
    except UserError:
        return {}
    whole = isinstance(values, dict) and isinstance(values.get("contents"), dict)
    return values if whole else {}


def _area(corners: boxes.Box, height: int, width: int) -> float:
    ymin, xmin, ymax, xmax = corners
    return (ymax - ymin) * height * (xmax - xmin) * width


def _encoded(
    images: ImageFiles, file: str, annotated: tuple[int, int] | None
) -> tuple[bytes, tuple[int, int] | str, Turn]:
    """The bytes of an image as they are stored, and its size, or why it cannot be used."""
    import tensorflow as tf
    from PIL import Image

    try:
        data = images.read(file)
        # The head first: what a few bytes unfold to may not fit into memory.
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            if max(height, width) > MOST_ASPECT * min(height, width):
                why = f"is {height}x{width} pixels, narrower than 1 to {MOST_ASPECT}"
                return b"", why, Turn.NONE
            turn = turns.of(image, annotated)
            if turn is Turn.TURNED:
                data = tf.io.encode_png(image_files.upright(image)).numpy()
        kept = encoding.encoded(data)
    except Image.DecompressionBombError as error:
        return b"", f"is too large ({error}); cut it into parts", Turn.NONE
    except OSError as error:
        return b"", f"cannot be read ({files.reason(error)})", Turn.NONE
    except Exception as error:  # TensorFlow has many types of errors for one and the same.
        return b"", f"cannot be decoded ({encoding.reason(error)})", Turn.NONE
    return kept.data, kept.size, turn


def _require_written(written: Path, contents: Contents, path: Path) -> None:
    """Reads a shard back, with the checksums of its records, and counts."""
    import tensorflow as tf

    images = objects = crowds = empty = 0
    for record in tf.data.TFRecordDataset(os.fspath(written)).as_numpy_iterator():
        example = tf.train.Example.FromString(record)
        feature = example.features.feature
        count = len(feature["image/object/class/label"].int64_list.value)
        images += 1
        objects += count
        empty += not count
        crowds += sum(feature["image/object/is_crowd"].int64_list.value)
    held = (contents.images, contents.objects, contents.crowds, contents.images_without_objects)
    if (images, objects, crowds, empty) != held:
        raise UserError(
            f"{path}: holds other images or objects than were written ({images} and {objects} for "
            f"{held[0]} and {held[1]}); the disk may be damaged"
        )
