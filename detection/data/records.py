"""Folders of converted boxes: TFRecords in Model Garden's format, and what they hold."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cells.support import files, json_file
from cells.support.errors import UserError
from cells.support.files import expanded
from detection.data.categories import Categories

#: The file by which such a folder is known; written last.
INFO = "boxes.json"

_MOST_BYTES = 2**30


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
        UserError: there is none, or files of it are missing.
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
    text = files.read(file, "boxes", _MOST_BYTES)
    try:
        info = json_file.loads(text, "description of boxes")
        categories = Categories(
            tuple(entry["id"] for entry in info["categories"]),
            tuple(entry["name"] for entry in info["categories"]),
        )
        found = Records(folder, categories, info)
        missing = int(info["shards"]) - len(found.files)
    except UserError as error:
        raise UserError(f"{file}: {error}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{file}: is no description of converted boxes ({error!r})") from None
    if missing:
        raise UserError(
            f"{folder}: {missing} of the {info['shards']} record files are missing; convert again, "
            "to another folder"
        )
    return found


def info_text(values: dict[str, Any]) -> bytes:
    """The bytes of `boxes.json`."""
    return (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode()
