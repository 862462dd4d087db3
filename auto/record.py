"""What was asked for, and what came of the steps so far, in `auto.json`."""

from __future__ import annotations

import dataclasses
import pathlib
from dataclasses import dataclass, field
from typing import Any

from cells.support import json_file
from cells.support.errors import UserError
from cells.support.files import write_json
from cells.support.settings_differences import in_words, settings_differences

FILE = "auto.json"

#: Of convolutions; `auto` measures on the machine in use.
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class Settings:
    """What the command was asked for.

    Attributes:
        images: the folder of images.
        fingerprint: of the names and sizes of its files.
        budget: seconds.
        genotype: cells to train without a race, a name or a file; "": who wins it.
        search: the share of the budget that searches cells; 0: nothing is searched.
        size: height and width of the images, for all networks.
        flip: whether images may be mirrored.
        seed: of everything random.
        entrants: `all`, or `cells` to leave the residual network out.
        balance: what unequal classes are met with, see `cell_search.recipes.recipe.Recipe`.
        weights: a file of trained weights that takes part; "": none.
        weights_digest: of its content.
        shipped_weights: whether the weights that come with the package take part.
        precision: of convolutions, one of `PRECISIONS`.
    """

    images: str
    fingerprint: str
    budget: float
    genotype: str
    search: float
    size: int
    flip: bool
    seed: int
    entrants: str = "all"
    balance: str = "none"
    weights: str = ""
    weights_digest: str = ""
    shipped_weights: bool = True
    precision: str = "auto"


@dataclass
class Record:
    """The file that says how far a run is.

    Attributes:
        path: of the file.
        settings: what was asked for.
        results: of the steps that are over, by name, and what was decided within the one that is
            not.
    """

    path: pathlib.Path
    settings: Settings
    results: dict[str, Any] = field(default_factory=dict)

    def keep(self, step: str, result: Any) -> None:
        """Notes the result of a step, as JSON values.

        Raises:
            UserError: the file cannot be written.
        """
        self.results[step] = result
        values = {"settings": dataclasses.asdict(self.settings), "results": self.results}
        write_json(self.path, values)


def opened(folder: pathlib.Path, settings: Settings) -> Record:
    """The record of a run in a folder, begun where there is none.

    Raises:
        UserError: the folder cannot be written, or holds something else or a run with other
            settings.
    """
    path = folder / FILE
    if not path.exists():
        if folder.is_dir() and any(folder.iterdir()):
            raise UserError(
                f"--output: {folder} is not empty and holds no {FILE}, so it was made by something "
                "else; give another folder"
            )
        record = Record(path, settings)
        record.keep("begun", True)
        return record
    try:
        values = json_file.loads(path.read_bytes(), "record")
        before, results = Settings(**values["settings"]), dict(values["results"])
    except (OSError, UserError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: is damaged ({error}); give another --output") from None
    if {"plan", "rerank"} & set(results):
        raise UserError(
            f"{path}: was begun by an older version, which had no race; give another --output"
        )
    if "images" not in results:
        # Nothing has come of it, so that what was asked for may be mended.
        return Record(path, settings)
    if settings.fingerprint != before.fingerprint and settings.images == before.images:
        raise UserError(
            f"--output: {folder} is of a run with the images that {settings.images} had before "
            "files were added, removed or changed; give another folder"
        )
    different = settings_differences(dataclasses.asdict(settings), dataclasses.asdict(before))
    if different:
        raise UserError(
            f"--output: {folder} is of a run with other settings ({in_words(different)}); give "
            "another folder, or the same settings and images"
        )
    return Record(path, settings, results)
