"""A cost table: what pieces of networks and the steps around them took on a machine, as a file.

{"format_version": 1,
 "machine": {"processor": "...", "cores": 2, "threads": 2, "tensorflow": "2.20.0", ...},
 "training": {"Relu+Conv 3x3 /1+BatchNorm": [[pixels, ragged, read, made, products, weights,
              seconds], ...], ...},
 "inference": {...},
 "overheads": {"training": 1.05, ...}}
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
import os
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cell_search.children.pieces import Piece
from cell_search.costs.kinds import Amount, amount_of, kind_of, split
from cell_search.costs.machine import Machine
from cells.support import files, json_file
from cells.support.errors import UserError, about
from cells.support.files import write_atomically

FORMAT_VERSION = 1

#: A table of all operations has some thousand times.
MAX_BYTES = 4_000_000

PASSES = ("training", "inference")

#: How much was computed, and the seconds that it took.
Sample = tuple[Amount, float]


@dataclass(frozen=True)
class Overheads:
    """What a step costs besides its pieces.

    Attributes:
        training: by what the seconds of pieces in a whole step exceed those of pieces alone.
        place: seconds of a step for each piece of the network.
        parameter: seconds of the optimizer for each trained number.
        pixel: seconds for each pixel of an image that is drawn and augmented.
        inference: as `training`, of the answer to one image.
        answer: seconds of an answer whatever the network.
    """

    training: float = 1.0
    place: float = 0.0
    parameter: float = 0.0
    pixel: float = 0.0
    inference: float = 1.0
    answer: float = 0.0


@dataclass(frozen=True)
class CostTable:
    """Times of pieces on one machine; processor time, but wall time on a GPU.

    The time of a piece is a sum over its `Amount`s, each with a rate that is not negative. The
    rates of a kind are those that fit its samples best, by relative error.

    Attributes:
        machine: where they were measured.
        samples: of each pass, by kind.
        overheads: what comes on top.
    """

    machine: Machine
    samples: Mapping[str, Mapping[str, tuple[Sample, ...]]]
    overheads: Overheads = Overheads()

    def seconds(self, pieces: Iterable[Piece], batch: int, pass_: str = "training") -> float:
        """What pieces take alone, one after the other.

        Args:
            pieces: any number of them.
            batch: images of a step.
            pass_: `training` (forward and backward), or `inference`.

        Raises:
            UserError: no piece of that kind was measured.
        """
        total = 0.0
        for piece in pieces:
            parts = self._parts(piece, batch, pass_)
            if not parts:
                raise UserError(
                    f"costs: the table has no time of {kind_of(piece)!r} in {pass_}, which this "
                    "network needs; measure anew, with --mode=costs"
                )
            for kind, amount in parts:
                total += float(self._all_rates[pass_, kind] @ [1.0, *amount])
        return total

    def _parts(self, piece: Piece, batch: int, pass_: str) -> list[tuple[str, Amount]]:
        """Kinds that were measured, with amounts; what cells do not have is what it consists of."""
        amount = amount_of(piece, batch)
        if kind := self._measured(pass_, kind_of(piece), amount):
            return [(kind, amount)]
        for count in range(len(piece.primitives) - 1, 0, -1):
            halves = [self._parts(half, batch, pass_) for half in split(piece, count)]
            if all(halves):
                return [*halves[0], *halves[1]]
        return []

    def _measured(self, pass_: str, kind: str, amount: Amount) -> str:
        """The kind itself or one near it, with as many weights as are asked for, if possible;
        empty where there is none.

        Convolutions of images, which have few channels, say nothing of others.
        """
        # A relu costs little beside what follows it; alone it moves as many numbers as a sum.
        near = [kind, f"Relu+{kind}", kind.removeprefix("Relu+"), *["Add"][: kind == "Relu"]]
        known = [name for name in near if name in self.samples[pass_]]
        most = {n: max(a.weights for a, _ in self.samples[pass_][n]) for n in known}
        fitting = (name for name in known if most[name] >= amount.weights)
        return next(fitting, max(known, key=most.__getitem__, default=""))

    @functools.cached_property
    def _all_rates(self) -> Mapping[tuple[str, str], np.ndarray]:
        return {
            (pass_, kind): fit(samples)
            for pass_, kinds in self.samples.items()
            for kind, samples in kinds.items()
        }

    @functools.cached_property
    def identity(self) -> str:
        """Equal for equal tables, whatever their files are called."""
        return hashlib.sha256(dumps(self).encode()).hexdigest()[:16]


def fit(samples: Iterable[Sample]) -> np.ndarray:
    """The rates of a kind: seconds of a call, then for each field of an `Amount`.

    Args:
        samples: at least one.
    """
    from scipy.optimize import nnls

    samples = list(samples)
    rows = np.array([[1.0, *amount] for amount, _ in samples])
    rows /= np.array([[seconds] for _, seconds in samples])
    scales = rows.max(axis=0)
    scales[scales == 0.0] = 1.0
    rates, _ = nnls(rows / scales, np.ones(len(samples)))
    return rates / scales


def dumps(table: CostTable) -> str:
    """The text of a file.

    Args:
        table: what it holds.
    """
    values: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "machine": dataclasses.asdict(table.machine),
    }
    for pass_, kinds in table.samples.items():
        values[pass_] = {
            kind: [[*map(int, amount), seconds] for amount, seconds in samples]
            for kind, samples in kinds.items()
        }
    values["overheads"] = dataclasses.asdict(table.overheads)
    return json.dumps(values, indent=1) + "\n"


def write(table: CostTable, path: str | os.PathLike[str]) -> None:
    """Writes a table, complete or not at all.

    Args:
        table: what is written.
        path: of the file.

    Raises:
        UserError: the file cannot be written.
    """
    write_atomically(path, dumps(table).encode())


def read(path: str | os.PathLike[str]) -> CostTable:
    """Reads a table.

    Args:
        path: of the file.

    Raises:
        UserError: there is no such file, or it is damaged or of another version; in one sentence
            that names the file, the field and the remedy.
    """
    text = files.read(path, "cost", MAX_BYTES)
    with about(os.fspath(path), "measure anew with cell-search --mode=costs --costs=FILE"):
        return parse(text)


def parse(text: bytes | str) -> CostTable:
    """A table from the text of a file.

    Args:
        text: JSON.

    Raises:
        UserError: it is none; names the field.
    """
    data = json_file.loads(text, "cost file")
    json_file.require_version(data, FORMAT_VERSION, "cost file")
    samples = {pass_: _samples(data.get(pass_), pass_) for pass_ in PASSES}
    machine = data.get("machine")
    if isinstance(machine, dict):
        machine = {"precision": "float32", **machine}  # Files of before knew no other.
    machine = _fields(machine, Machine, "machine")
    overheads = _fields(data.get("overheads"), Overheads, "overheads")
    return CostTable(machine, types.MappingProxyType(samples), overheads)


def _samples(data: Any, where: str) -> dict[str, tuple[Sample, ...]]:
    if not isinstance(data, dict) or not data:
        raise UserError(f"{where}: must hold times by the kind of a piece")
    found = {}
    for kind, rows in data.items():
        if not isinstance(rows, list) or not rows or not all(map(_is_row, rows)):
            raise UserError(
                f"{where}.{kind:.80}: must be rows of {len(Amount._fields)} amounts and the "
                "seconds that they took"
            )
        found[kind] = tuple((Amount(*map(float, row[:-1])), float(row[-1])) for row in rows)
    return found


def _is_row(row: Any) -> bool:
    return (
        isinstance(row, list)
        and len(row) == len(Amount._fields) + 1
        and all(map(_is_number, row))
        and row[-1] > 0.0
    )


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and value >= 0.0


def _fields(data: Any, kind: type, where: str) -> Any:
    names = [f.name for f in dataclasses.fields(kind)]
    if not isinstance(data, dict) or sorted(data) != sorted(names):
        raise UserError(f"{where}: must hold {', '.join(names)}")
    for f in dataclasses.fields(kind):
        value = data[f.name]
        right = _is_number(value) if f.type == "float" else type(value).__name__ == f.type
        if not right:
            raise UserError(f"{where}.{f.name}: {value!r:.40} is not of the type {f.type}")
    return kind(**data)
