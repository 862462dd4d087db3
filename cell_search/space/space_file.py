"""Spaces as JSON files: decisions with a name, choices and a kind.

{"format_version": 1,
 "decisions": [{"name": "first", "choices": ["conv", "pool"], "kind": "operation"},
               {"name": "width", "choices": [16, 32, 64]}]}
"""

from __future__ import annotations

import math
import os
from typing import Any

from cell_search.space.space import Choice, Decision, Space
from cells.support import files, json_file
from cells.support.errors import UserError, about, cut, require_known

FORMAT_VERSION = 1

#: What is much larger is something else; a space of a thousand decisions takes 100 KB.
MAX_BYTES = 4_000_000


def read(path: str | os.PathLike[str]) -> Space:
    """Reads a space.

    Args:
        path: of the file.

    Raises:
        UserError: one sentence that names the file, the field and the remedy.
    """
    text = files.read(path, "space", MAX_BYTES)
    with about(os.fspath(path)):
        return parse(text)


def parse(text: bytes | str) -> Space:
    """A space from the text of a file.

    Args:
        text: JSON.

    Raises:
        UserError: one sentence that names the field and the remedy.
    """
    data = json_file.loads(text, "space")
    _fields(data, "", {"format_version", "decisions"}, set())
    json_file.require_version(data, FORMAT_VERSION, "space")
    if not isinstance(data["decisions"], list) or not data["decisions"]:
        raise UserError("decisions: must be a list of at least one decision")
    decisions = tuple(_decision(d, f"decisions[{i}]") for i, d in enumerate(data["decisions"]))
    names = [d.name for d in decisions]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise UserError(f"decisions[{i}].name: {cut(name)!r} is taken by another decision")
    return Space(decisions)


def _decision(data: Any, where: str) -> Decision:
    _fields(data, where, {"name", "choices"}, {"kind"})
    for field in ("name", "kind"):
        value = data.get(field, "choice")
        if not isinstance(value, str) or not value.strip():
            raise UserError(f"{where}.{field}: must be a text, not {value!r:.40}")
    choices = data["choices"]
    if not isinstance(choices, list) or not choices:
        raise UserError(f"{where}.choices: must be a list of at least one choice")
    for i, choice in enumerate(choices):
        _check_choice(choice, f"{where}.choices[{i}]")
        if choice in choices[:i]:
            raise UserError(f"{where}.choices[{i}]: {choice!r:.40} equals an earlier choice")
    return Decision(data["name"], tuple(choices), data.get("kind", "choice"))


def _check_choice(choice: Choice, where: str) -> None:
    if choice is not None and not isinstance(choice, str | int | float):
        raise UserError(f"{where}: must be a text, number, true, false or null")
    if isinstance(choice, float) and not math.isfinite(choice):
        raise UserError(f"{where}: {choice} is not finite")


def _fields(data: Any, where: str, needed: set[str], optional: set[str]) -> None:
    at = f"{where}: " if where else ""
    if not isinstance(data, dict):
        raise UserError(f"{at}must be a JSON object")
    for field in data:
        require_known(where or "space", field, sorted(needed | optional), "field")
    for field in sorted(needed):
        if field not in data:
            raise UserError(f"{at}the field {field!r} is missing")
