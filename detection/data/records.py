"""Folders of converted boxes: TFRecords in Model Garden's format, and what they hold."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cells.support import files, json_file
from cells.support.errors import UserError, about, cut
from cells.support.files import expanded, json_text
from detection.data.categories import Categories

#: The file by which such a folder is known; written last.
INFO = "boxes.json"

#: Of a description: that of COCO has 20 KB, one of a million faulty boxes 10 MB.
MOST_BYTES = 2**30

_COUNT = {"type": "integer", "minimum": 0, "maximum": 2**53}

#: What a description must hold so that nothing that reads it comes to grief.
_SCHEMA = {
    "type": "object",
    "required": ["categories", "records", "shards", "masks", "contents"],
    "properties": {
        "source": {"type": "object"},
        "categories": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["id", "name"],
                "properties": {"id": _COUNT, "name": {"type": "string", "minLength": 1}},
            },
        },
        "records": {"type": "string", "pattern": r"^records-\*-of-[0-9]+\.tfrecord$"},
        "shards": {**_COUNT, "minimum": 1},
        "bytes": {"type": "array", "items": _COUNT},
        "masks": {"type": "boolean"},
        "contents": {
            "type": "object",
            "required": ["images", "objects", "most_objects"],
            "properties": {
                **dict.fromkeys(("images", "objects", "crowds", "images_without_objects"), _COUNT),
                **dict.fromkeys(("most_objects", "boxes_as_masks"), _COUNT),
                **{key: {"type": "array"} for key in ("turned", "as_stored")},
                "left_out": {"type": "object"},
                "faults": {"type": "object", "additionalProperties": {"type": "array"}},
            },
        },
    },
}


@dataclass(frozen=True)
class Records:
    """A converted set of boxes.

    Attributes:
        folder: where it is.
        categories: its classes; label i is class i + 1 in the records, since 0 is the background.
        info: all that its `boxes.json` says.
    """

    folder: Path
    categories: Categories
    info: dict[str, Any]

    @property
    def pattern(self) -> str:
        """What Model Garden's `input_path` takes."""
        return os.path.join(self.folder, self.info["records"])

    @property
    def files(self) -> list[str]:
        """The record files, in order."""
        return sorted(map(os.fspath, self.folder.glob(self.info["records"])))


def find(input_path: str) -> Records:
    """The converted set that `input_path` names: its folder, or files in it.

    Raises:
        UserError: there is none, it says what cannot be, or files of it are missing or damaged.
    """
    path = expanded(input_path).absolute()
    folder = path if path.is_dir() else path.parent
    if set(os.fspath(folder)) & set("*?,"):
        raise UserError(
            f"input_path: {folder}: a folder of boxes must not have * ? or , in its name"
        )
    file = folder / INFO
    if not file.is_file():
        raise UserError(
            f"input_path: {folder} holds no converted boxes, since it has no {INFO}; make it with "
            "cell-detect --mode=convert"
        )
    with about(file, "put the file back as it was, or convert again"):
        info = json_file.loads(files.read(file, "boxes", MOST_BYTES), "description of boxes")
        _check(info)
    categories = Categories(
        tuple(int(entry["id"]) for entry in info["categories"]),
        tuple(entry["name"] for entry in info["categories"]),
    )
    found = Records(folder, categories, info)
    _check_files(found)
    return found


def info_text(values: dict[str, Any]) -> bytes:
    """The bytes of `boxes.json`."""
    return json_text(values, indent=1).encode()


def _check(info: Any) -> None:
    """Refuses a description that says what cannot be; names the field."""
    import jsonschema  # takes a tenth of a second: not at import time

    error = next(iter(jsonschema.Draft202012Validator(_SCHEMA).iter_errors(info)), None)
    if error is not None:
        place = error.json_path.removeprefix("$").removeprefix(".")
        raise UserError(f"{place or 'the file'}: {cut(error.message, 120)}")
    for key in ("id", "name"):
        given = [entry[key] for entry in info["categories"]]
        if len(set(given)) < len(given):
            raise UserError(f"categories: two have the same {key}")


def _check_files(found: Records) -> None:
    shards, there = int(found.info["shards"]), len(found.files)
    if there < shards:
        raise UserError(
            f"{found.folder}: {shards - there:,} of the {shards:,} record files are missing; "
            "convert again, to another folder"
        )
    if there > shards:
        raise UserError(
            f"{found.folder}: holds {there:,} record files, and {INFO} says {shards:,}; convert "
            "again, to another folder"
        )
    # Which conversions before have not noted.
    for file, size in zip(found.files, found.info.get("bytes", ()), strict=False):
        now = os.stat(file).st_size
        if now != size:
            raise UserError(
                f"{file}: has {now:,} bytes, and had {size:,} when it was written; convert again, "
                "to another folder"
            )
