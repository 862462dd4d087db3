"""Any table: a CSV file with a column for each decision, then `valid`, `test` and `cost`."""

from __future__ import annotations

import csv
import functools
import json
import os
from collections.abc import Callable
from typing import Any

from cell_search.evaluators.tables._table import Entry, State, Table, read_lines, state
from cell_search.space.space import Choice, Decision, Space
from cells.support.errors import UserError, cut, nearest

#: Columns that are no decisions; `test` and `cost` may be absent, in the file or in a row.
_VALUES = ("valid", "test", "cost")

#: Of a score or a cost: their sums and squares are still numbers, in charts and models.
MAX_VALUE = 1e100


def read_table(path: str | os.PathLike[str], space: Space) -> Table:
    """Reads a table, `.csv` or `.csv.gz`, or takes it as it was read from the same file.

    Points of the space may be missing.

    Args:
        path: the file.
        space: says which decisions there are, and their choices.

    Raises:
        UserError: the columns are not those of the space, a row is damaged or occurs twice (with
            its line), or there is no row.
    """
    return _read(os.fspath(path), space, state(path))


@functools.lru_cache(maxsize=4)
def _read(path: str, space: Space, state: State) -> Table:
    shown = path
    lines = csv.reader(read_lines(path), strict=True)
    try:
        columns = next(lines, [])
        _check_columns([c.strip() for c in columns], space, shown)
        order = {column.strip(): i for i, column in enumerate(columns)}
        readers = [(order[d.name], _reader(d, shown)) for d in space.decisions]
        entries: dict[tuple[Choice, ...], Entry] = {}
        first: dict[tuple[Choice, ...], int] = {}
        for row in lines:
            if not row:
                continue
            where = f"{shown}: line {lines.line_num}"
            if len(row) != len(columns):
                raise UserError(f"{where}: has {len(row)} fields, the header {len(columns)}")
            choices = tuple(read(row[i].strip(), where) for i, read in readers)
            if choices in first:
                raise UserError(f"{where}: has the same choices as line {first[choices]}")
            entries[choices] = _entry(row, order, where)
            first[choices] = lines.line_num
    except csv.Error as error:
        raise UserError(f"{shown}: line {lines.line_num} is not CSV ({error})") from None
    if not entries:
        raise UserError(f"{shown}: there is no row below the header")
    return Table(space, entries)


def _check_columns(columns: list[str], space: Space, shown: str) -> None:
    names = [d.name for d in space.decisions]
    reserved = next((name for name in names if name in _VALUES), None)
    if reserved:
        raise UserError(f"{shown}: the space has a decision {reserved!r}; a table needs that name")
    wanted = (*names, *_VALUES)
    for i, column in enumerate(columns):
        if column not in wanted:
            raise UserError(
                f"{shown}: the column {column[:60]!r} is not a decision of the space; "
                f"{nearest(cut(column), wanted)}columns are {cut(', '.join(wanted), 400)}"
            )
        if column in columns[:i]:
            raise UserError(f"{shown}: there are two columns {cut(column)!r}")
    for name in (*names, "valid"):
        if name not in columns:
            raise UserError(f"{shown}: the column {cut(name)!r} is missing")


def _entry(row: list[str], order: dict[str, int], where: str) -> Entry:
    values: dict[str, float] = {}
    for name in _VALUES:
        text = row[order[name]].strip() if name in order else ""
        if not text and name != "valid":
            continue
        try:
            values[name] = float(text)
        except ValueError:
            raise UserError(f"{where}: {name} is {cut(text)!r}, not a number") from None
        if not abs(values[name]) <= MAX_VALUE:
            raise UserError(
                f"{where}: {name} is {cut(text)}; leave the row out, or the field of a missing "
                f"test or cost empty (values are within {MAX_VALUE:.0e})"
            )
    return Entry(**values)


def _reader(decision: Decision, shown: str) -> Callable[[str, str], Any]:
    """What reads the choices of a decision from a column."""
    spelled: dict[str, Choice] = {}
    for choice in decision.choices:
        for text in _spellings(choice):
            if text in spelled:
                raise UserError(
                    f"{shown}: {decision.name!r} has choices that a table cannot tell apart, "
                    f"{spelled[text]!r} and {choice!r}"
                )
            spelled[text] = choice
    numbers = {
        float(choice): choice
        for choice in decision.choices
        if isinstance(choice, int | float) and not isinstance(choice, bool)
    }

    def read(text: str, where: str) -> Choice:
        if text in spelled:
            return spelled[text]
        try:
            return numbers[float(text)]
        except (KeyError, ValueError):
            raise UserError(
                f"{where}: {cut(decision.name)} is {text[:40]!r}, which is not a choice of the "
                f"space; choices are {cut(', '.join(map(str, decision.choices)), 400)}"
            ) from None

    return read


def _spellings(choice: Choice) -> tuple[str, ...]:
    """As in JSON, and as Python and its libraries write what is no text."""
    if isinstance(choice, str):
        return (choice.strip(),)
    if choice is None:
        return ("null", "None", "")
    if isinstance(choice, bool):
        return (json.dumps(choice), str(choice))
    return (json.dumps(choice),)
