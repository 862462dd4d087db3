"""One run of the command: all that its steps have in common."""

from __future__ import annotations

import functools
import json
import pathlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from auto import pretrained
from auto.budget import Budget
from auto.record import Record, Settings
from auto.screen import Screen, outcome
from cell_search.study.directory import SearchDirectory
from cells.data.image_folders import ImageFolder
from cells.genotype import catalogue
from cells.genotype.genotype import Genotype
from cells.support.signals import Interruptible


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        folder: of everything that is written.
        images: what the folder of images holds.
        record: what was asked for, and how far it is.
        budget: the time.
        directory: of the search; its lock keeps a second run out.
        interruptible: listens for Ctrl-C and SIGTERM.
    """

    folder: pathlib.Path
    images: ImageFolder
    record: Record
    budget: Budget
    directory: SearchDirectory
    interruptible: Interruptible

    @property
    def settings(self) -> Settings:
        """What was asked for."""
        return self.record.settings

    @functools.cached_property
    def screen(self) -> Screen:
        """Tells how far it is."""
        return Screen(self.budget, bool(self.settings.search))

    @property
    def results(self) -> dict[str, Any]:
        """Of the steps that are over, by their names."""
        return self.record.results

    @property
    def genotype(self) -> pathlib.Path:
        """The file of the cells that were best."""
        return self.folder / "genotype.json"

    def cells(self, name: str) -> Genotype:
        """Cells of a file in the folder, of weights, or those of the catalogue."""
        if pretrained.pretrained(name):
            genotype = pretrained.read(name).genotype
            assert isinstance(genotype, Genotype)  # The command has seen to it.
            return genotype
        return catalogue.find(str(self.folder / name) if name.endswith(".json") else name)

    @property
    def model_dir(self) -> pathlib.Path:
        """The folder of the training."""
        return self.folder / "training"

    @property
    def exported(self) -> pathlib.Path:
        """The folder of the classifier's files."""
        return self.folder / "exported"

    def step(self, name: str, take: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Takes a step, unless it was taken before; gives its result, JSON values."""
        if name not in self.results:
            with self.budget.during(name), self.screen.during(name):
                result = take()
            # As a later run reads it.
            self.record.keep(name, json.loads(json.dumps(result)))
            print(f"  {outcome(name, self.results[name])}", flush=True)
        return self.results[name]
