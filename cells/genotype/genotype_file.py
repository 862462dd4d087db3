"""Genotypes as JSON files: read (bounded, validated, never evaluated) and written.

The format is described by `schema/genotype.schema.json`; `FORMAT_VERSION` counts its versions.
"""

from __future__ import annotations

import functools
import json
import os
import pathlib
from collections.abc import Callable
from typing import Any, TypeVar

from cells.genotype.genotype import MAX_BLOCKS, Block, Cell, Genotype, Side
from cells.support import files, json_file
from cells.support.errors import UserError, about, cut, nearest
from cells.support.files import json_text

FORMAT_VERSION = 1

#: The `kind` of files that hold a recurrent cell (`cells.recurrent`), not image cells.
RECURRENT = "recurrent"

T = TypeVar("T")

#: A genotype of 64 blocks a cell takes about 20 KB; what is much larger is something else.
MAX_BYTES = 4_000_000

_SCHEMA = pathlib.Path(__file__).parent / "schema" / "genotype.schema.json"


@functools.cache
def schema(file: pathlib.Path = _SCHEMA) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a format, for editors and other programs.

    Args:
        file: that holds it; by default that of image cells.
    """
    return json.loads(file.read_text(encoding="utf-8"))


def read(path: str | os.PathLike[str]) -> Genotype:
    """Reads a genotype file.

    Args:
        path: a JSON file of at most `MAX_BYTES` bytes.

    Raises:
        UserError: one sentence that names the file, the field and the remedy.
    """
    return read_as(path, from_dict)


def read_as(path: str | os.PathLike[str], make: Callable[[Any], T]) -> T:
    """Reads a JSON file as `make` understands it, within the bounds of genotype files.

    Args:
        path: a JSON file of at most `MAX_BYTES` bytes.
        make: what to make of its values.

    Raises:
        UserError: one sentence that names the file, the field and the remedy.
    """
    text = files.read(path, "genotype", MAX_BYTES, usual="one takes a few thousand")
    with about(os.fspath(path)):
        return make(json_file.loads(text, "genotype"))


def dumps(genotype: Genotype) -> str:
    """The text of a genotype file: stable, one block a line, ends with a newline.

    Args:
        genotype: the two cells.

    Raises:
        UserError: the provenance holds what no JSON file can hold.
    """
    return joined(json_text(to_dict(genotype)), 6, ('"concat": [',))


def parse(text: bytes | str) -> Genotype:
    """Parses the text of a genotype file.

    Args:
        text: JSON, at most as long as the format allows.

    Raises:
        UserError: one sentence that names the field and the remedy.
    """
    return from_dict(json_file.loads(text, "genotype"))


def to_dict(genotype: Genotype) -> dict[str, Any]:
    """The genotype as JSON values, as the file holds it.

    Args:
        genotype: the two cells.
    """
    return {
        "format_version": FORMAT_VERSION,
        "name": genotype.name,
        "stacking": genotype.stacking,
        **{
            role: {
                "blocks": [
                    {
                        **{
                            name: {"input": side.input, "operation": side.operation}
                            for name, side in block.sides
                        },
                        "combine": block.combine,
                    }
                    for block in cell.blocks
                ],
                "concat": list(cell.concat),
            }
            for role, cell in genotype.cells
        },
        "provenance": dict(genotype.provenance),
    }


def from_dict(data: Any) -> Genotype:
    """Checks JSON values against the schema and makes the genotype of them.

    Args:
        data: JSON values, from anybody.

    Raises:
        UserError: one sentence that names the field and the remedy.
    """
    _check_outline(data)
    check_schema(data, schema())
    return Genotype(
        name=data["name"],
        normal=_cell(data["normal"]),
        reduction=_cell(data["reduction"]),
        stacking=data["stacking"],
        provenance=data.get("provenance", {}),
    )


def _cell(data: dict[str, Any]) -> Cell:
    def side(value: dict[str, Any]) -> Side:
        return Side(int(value["input"]), value["operation"])

    blocks = tuple(
        Block(side(b["left"]), side(b["right"]), b.get("combine", "add")) for b in data["blocks"]
    )
    return Cell(blocks, tuple(int(s) for s in data["concat"]))


def _check_outline(data: Any) -> None:
    """What would otherwise be told badly, or slowly, by a general schema validator."""
    check_version(data)
    if "kind" in data:
        if data["kind"] == RECURRENT:
            raise not_image_cells("kind")
        raise UserError(
            f"kind: {cut(str(data['kind']))!r} is none of image cells, which have no kind; give a "
            "file of a Normal and a Reduction cell"
        )
    for role in ("normal", "reduction"):
        cell = data.get(role)
        blocks = cell.get("blocks") if isinstance(cell, dict) else None
        if isinstance(blocks, list) and len(blocks) > MAX_BLOCKS:
            raise UserError(
                f"{role}.blocks: {len(blocks):,} blocks; a cell has at most {MAX_BLOCKS}"
            )


def not_image_cells(where: str) -> UserError:
    """The error for a recurrent cell where image cells are needed.

    Args:
        where: the field, flag or key that names it.
    """
    return UserError(
        f"{where}: this is a recurrent cell, of which no image network can be stacked; "
        "`cells.recurrent.build` makes a Keras layer of it"
    )


def check_version(data: Any) -> None:
    """Raises a UserError where JSON values are no genotype, or one of a later version.

    Args:
        data: JSON values, from anybody.
    """
    json_file.require_version(data, FORMAT_VERSION, "genotype")


def check_schema(data: Any, schema: dict[str, Any]) -> None:
    """Raises a UserError that names the first field that a schema does not allow.

    Args:
        data: JSON values, from anybody.
        schema: a JSON Schema.
    """
    import jsonschema  # takes a tenth of a second: not at import time

    validator = jsonschema.Draft202012Validator(schema)
    errors = sorted(validator.iter_errors(data), key=lambda e: (len(e.absolute_path), e.json_path))
    if not errors:
        return
    error = errors[0]
    path = error.json_path.removeprefix("$").removeprefix(".")
    at = f"{path}: " if path else ""
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        extra = next(key for key in error.instance if key not in known)
        raise UserError(
            f"{at}unknown field {extra[:60]!r}; {nearest(extra[:60], known)}"
            f"known are {', '.join(known)}"
        )
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        raise UserError(f"{at}the field {missing!r} is missing")
    raise UserError(f"{at}{_told(error)}")


def _told(error: Any) -> str:
    value = cut(json.dumps(error.instance))
    match error.validator, error.validator_value:
        case "type", expected:
            return f"must be a JSON {expected}, not {value}"
        case "minimum", least:
            too_small = "negative" if error.instance < 0 else "too small"
            return f"{value} is {too_small}; the smallest is {least}"
        case "maximum", most:
            return f"{value} is too large; the largest is {most}"
        case "minItems", least if error.instance:
            return f"has {len(error.instance):,} of at least {least} entries"
        case "minItems", _:
            return "is empty; it needs at least one entry"
        case "minLength", _:
            return "is empty; it needs at least one character"
        case ("maxItems" | "maxLength") as kind, most:
            unit = "entries" if kind == "maxItems" else "characters"
            return f"has {len(error.instance):,} {unit}; it may have {most}"
        case "enum", known:
            return f"{value} is unknown; known are {', '.join(known)}"
    return error.message[:200]


def joined(text: str, depth: int, names: tuple[str, ...]) -> str:
    """Joins short lists and objects of JSON, which `indent` spreads over many lines.

    Args:
        text: JSON, indented.
        depth: the indentation of objects in lists that are joined.
        names: how lines begin that open others.
    """
    lines: list[str] = []
    depth_of_join: int | None = None
    # Not splitlines: strings hold U+2028 and its like as they are.
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip())
        body = line.strip()
        if depth_of_join is None:
            lines.append(line)
            if (body == "{" and indent == depth) or body in names:
                depth_of_join = indent
        elif indent == depth_of_join:
            lines[-1] += body
            depth_of_join = None
        else:
            glue = " " if lines[-1].endswith(",") else ""
            lines[-1] += glue + body
    return "\n".join(lines)
