"""Rows of an earlier docs/figures.json, marked for what they are: nobody can vouch for them.

A row that is adopted keeps its value, says in which file of the repository's history it stood,
under which name, and what is missing. So no number gets in that was never recorded.
"""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Container, Mapping
from typing import Any

from benchmarks.recording import commands, limits, missed, rows
from benchmarks.recording.git import Repository
from benchmarks.recording.rows import Row
from cells.support.errors import UserError

#: What stood in a limit's place where nothing was required.
_INFORMS = re.compile(r"(any|none|reported)\b[,;]?( and)? ?")

#: Of the value; one after "by ..." is that of a difference.
_ERROR = re.compile(r"(?!by ).*standard error ([\d.]+)")


def adopt(
    root: pathlib.Path,
    table: Mapping[str, str],
    revision: str,
    figures: Container[str] = (),
    *,
    named: str = "",
    under: str = "",
) -> int:
    """Takes rows over; those that are there under the same figure and name are replaced.

    Args:
        root: of the repository.
        table: of all figures.
        revision: whose file is read.
        figures: which of its figures; all where none are named.
        named: only rows in whose name this stands.
        under: the figure that they now belong to, where it is another one.

    Returns:
        How many.

    Raises:
        UserError: there is no such file, or there are no such rows.
    """
    repository = Repository(root)
    blob = repository.text("rev-parse", f"{revision}:{rows.FILE}")
    if not blob:
        raise UserError(f"--adopt={revision}: no commit of this repository with {rows.FILE}")
    old = [
        row
        for row in json.loads(repository.ask("cat-file", "blob", blob))
        if (not figures or row["figure"] in figures)
        and named in row["name"]
        and "unverified" not in row
    ]
    if not old:
        raise UserError(f"--adopt={revision}: {rows.FILE} of that commit has no such rows")
    trees = repository.trees(row["commit"].partition("+")[0] for row in old)
    reasons = missed.read(root)
    new = [
        missed.explained(_marked(row, under or row["figure"], blob, table, trees, root), reasons)
        for row in old
    ]
    replaced = {row["figure"] for row in new} if under or not named else set()
    names = {(row["figure"], row["name"]) for row in new}
    kept = [
        row
        for row in rows.read(root)
        if row["figure"] not in replaced and (row["figure"], row["name"]) not in names
    ]
    rows.write(root, [*kept, *new])
    return len(new)


def _marked(
    row: Row,
    figure: str,
    blob: str,
    table: Mapping[str, str],
    trees: Mapping[str, str],
    root: pathlib.Path,
) -> Row:
    commit, _, changed = row["commit"].partition("+")
    missing = ["it was recorded before rows had tree, seeds, load and versions"]
    if commit not in trees:
        missing.append("its commit is not in the repository")
    if changed:
        missing.append("the tree was not that of the commit")
    if not commands.belongs(table.get(figure, ""), row["command"]):
        missing.append("its command is not that of the table")
    known = limits.of_command(table[figure], root) if figure in table else {}
    name, limit, notes = _parted(row, known)
    error = _ERROR.match(notes)
    entry = limits.find(known, name)
    if limit and (entry is None or entry[0] != limit):
        missing.append("its limit is not one that the benchmark has")
    return {
        "figure": figure,
        "name": name,
        "value": row["value"],
        "kind": "requirement" if limit else "observation",
        "limit": limit,
        "ok": row["ok"],
        "error": float(error[1]) if error else None,
        "note": notes,
        "command": row["command"],
        "commit": row["commit"],
        "date": row["date"],
        "unverified": {
            "why": "; ".join(missing),
            "blob": blob,
            "figure": row["figure"],
            "name": row["name"],
        },
    }


def _parted(row: Row, known: limits.Limits) -> tuple[str, str, str]:
    """Name, limit and note of a row in which they ran together: `speed (spread 1 to 2)`."""
    name, limit, notes = row["name"], row["limit"], []
    inside = re.fullmatch(r"(.*?) \(([^()]*\d[^()]*)\)", name)
    if inside and name not in known:
        name = inside[1]
        notes.append(inside[2])
    if match := _INFORMS.match(limit):
        limit, note = "", limit[match.end() :]
    else:
        limit, _, note = limit.partition("; ")
    return name, limit, "; ".join(filter(None, [*notes, note]))


def stood(row: Row, old: list[dict[str, Any]]) -> bool:
    """Whether an adopted row stood in the file that it names, with its value and verdict."""
    mark = row["unverified"]
    same = ("value", "ok", "command", "commit", "date")
    return any(
        other["figure"] == mark["figure"]
        and other["name"] == mark["name"]
        and all(other[key] == row[key] for key in same)
        for other in old
    )
