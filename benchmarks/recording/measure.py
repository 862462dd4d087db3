"""Runs a benchmark and records its rows, with all that tells where they come from."""

from __future__ import annotations

import datetime
import pathlib
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict

from benchmarks import quiet
from benchmarks.recording import commands, machine, missed, rows
from benchmarks.recording.git import Repository
from benchmarks.report import Figure, read_figures


class Unrecorded(Exception):
    """A figure is not recorded, and why."""


def measure(
    root: pathlib.Path,
    table: Mapping[str, str],
    name: str,
    *,
    strategies: str = "",
    dirty: bool = False,
) -> bool:
    """Runs one figure and records its rows.

    Args:
        root: of the repository.
        table: of all figures, with the arguments of `python`.
        name: of the figure.
        strategies: which of those it compares, in place of all; the rows of the others stay.
        dirty: whether a working tree that differs from its commit may be measured. The rows say so.

    Returns:
        Whether all requirements are met.

    Raises:
        Unrecorded: the working tree is not a commit's, or the program fails.
    """
    repository = Repository(root)
    commit, tree = repository.head()
    changes = repository.changes()
    if not commit:
        raise Unrecorded(
            f"{root} is no git repository with a commit: nothing says what is measured"
        )
    if changes and not dirty:
        raise Unrecorded(
            f"the working tree is not that of commit {commit[:12]}; commit first, or say --dirty, "
            f"which the rows then say, too:\n{changes}"
        )
    shown = commands.command(table[name], strategies)
    print(f"== {name}: {shown}", flush=True)
    with quiet.held(), machine.watching_load() as load:
        figures, seeds = _run(root, name, shown)
    if (repository.head()[0], repository.changes()) != (commit, changes) and not dirty:
        raise Unrecorded(
            f"{name}: the working tree changed while it was measured; measure it again"
        )
    common = {
        "command": shown,
        "commit": commit,
        "tree": tree,
        "clean": not changes,
        "seeds": seeds,
        "cores": machine.cores(),
        "load": load,
        "versions": machine.versions(),
        "date": datetime.date.today().isoformat(),
    }
    reasons = missed.read(root)
    new = [
        missed.explained({"figure": name, **asdict(figure), **common}, reasons)
        for figure in figures
    ]
    measured = {figure.name for figure in figures}
    kept = [
        row
        for row in rows.read(root)
        if row["figure"] != name or (strategies and row["name"] not in measured)
    ]
    rows.write(root, [*kept, *new])
    for row in new:
        if not row["ok"] and "why" not in row:
            print(f"missed: say why in {missed.FILE}, then --explain: {rows.label(row)}")
    return all(figure.ok for figure in figures)


def _run(root: pathlib.Path, name: str, shown: str) -> tuple[list[Figure], str]:
    """What a benchmark measures, and with which seeds."""
    command = [sys.executable, *commands.arguments(shown)]
    lines = []
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(line)
    if process.wait() not in (0, 1):
        raise Unrecorded(f"{name} ended with exit code {process.returncode}")
    try:
        return read_figures("".join(lines))
    except ValueError as error:
        raise Unrecorded(f"{name}: {error}") from None
