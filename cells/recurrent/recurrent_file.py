"""Recurrent cells as JSON files: the genotype file with `kind: recurrent`.

`schema/recurrent.schema.json` describes the format; reading is as bounded and strict as that of
image genotypes, by the same code.
"""

from __future__ import annotations

import os
import pathlib
from typing import Any

from cells.genotype import genotype_file
from cells.recurrent.genotype import (
    Highway,
    HighwayNode,
    Inject,
    Node,
    RecurrentGenotype,
    Tree,
)
from cells.support.errors import UserError
from cells.support.files import json_text

SCHEMA = pathlib.Path(__file__).parent / "schema" / "recurrent.schema.json"


def read(path: str | os.PathLike[str]) -> RecurrentGenotype:
    """Reads the file of a recurrent cell.

    Args:
        path: a JSON file.

    Raises:
        UserError: one sentence that names the file, the field and the remedy.
    """
    return genotype_file.read_as(path, from_dict)


def dumps(genotype: RecurrentGenotype) -> str:
    """The text of the file: stable, one node a line, ends with a newline.

    Args:
        genotype: the cell.

    Raises:
        UserError: the provenance holds what no JSON file can hold.
    """
    return genotype_file.joined(json_text(to_dict(genotype)), 4, ('"inject": {', '"output": ['))


def to_dict(genotype: RecurrentGenotype) -> dict[str, Any]:
    """The cell as JSON values, as the file holds it.

    Args:
        genotype: the cell.
    """
    cell = genotype.cell
    values: dict[str, Any] = {
        "format_version": genotype_file.FORMAT_VERSION,
        "kind": genotype_file.RECURRENT,
        "name": genotype.name,
        "form": genotype.form,
        "nodes": [vars(node).copy() for node in cell.nodes],
    }
    if isinstance(cell, Tree):
        values |= {"inject": vars(cell.inject).copy(), "memory": cell.memory}
    else:
        values |= {"output": list(cell.output), "first": cell.first}
    return {**values, "provenance": dict(genotype.provenance)}


def from_dict(data: Any) -> RecurrentGenotype:
    """Checks JSON values and makes the recurrent cell of them.

    Args:
        data: JSON values, from anybody.

    Raises:
        UserError: one sentence that names the field and the remedy.
    """
    genotype_file.check_version(data)
    if data.get("kind") != genotype_file.RECURRENT:
        raise UserError(
            f"kind: must be {genotype_file.RECURRENT!r}, since a recurrent cell is needed; "
            "image cells have no kind"
        )
    genotype_file.check_schema(data, genotype_file.schema(SCHEMA))
    return RecurrentGenotype(data["name"], _cell(data), data.get("provenance", {}))


def _cell(data: dict[str, Any]) -> Tree | Highway:
    if data["form"] == "tree":
        inject = data["inject"]
        return Tree(
            tuple(Node(**node) for node in data["nodes"]),
            Inject(int(inject["node"]), inject["combine"], inject["activation"]),
            int(data["memory"]),
        )
    return Highway(
        tuple(HighwayNode(int(n["input"]), n["activation"]) for n in data["nodes"]),
        tuple(int(state) for state in data["output"]),
        data.get("first", "gate"),
    )
