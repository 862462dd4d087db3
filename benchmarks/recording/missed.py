"""Why figures miss their limits: a sentence each, in benchmarks/missed.json by figure and name."""

from __future__ import annotations

import json
import pathlib

from benchmarks.recording import rows
from benchmarks.recording.rows import Row, sealed

FILE = "benchmarks/missed.json"

Reasons = dict[str, dict[str, str]]


def read(root: pathlib.Path) -> Reasons:
    """All sentences."""
    path = root / FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def explained(row: Row, reasons: Reasons) -> Row:
    """A row with the sentence that belongs to it, if it missed its limit."""
    if row.get("digest", rows.digest(row)) != rows.digest(row):
        return row  # It was edited, which is not to be hidden.
    why = "" if row["ok"] else reasons.get(row["figure"], {}).get(row["name"], "")
    return sealed({**row, "why": why})
