"""Whether the rows of docs/figures.json are what they say (`python -m benchmarks.figures --check`).

What is wrong is a failure; what is out of date is a warning.
"""

from __future__ import annotations

import json
import pathlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from benchmarks.recording import adopt, commands, limits, missed, quotes, rows
from benchmarks.recording.code import History
from benchmarks.recording.git import Repository
from benchmarks.recording.rows import Row, label


@dataclass
class Findings:
    """What was found.

    Attributes:
        wrong: what must be mended.
        notes: what a reader should know.
        stale: rows whose code has changed since, by figure, and one of the changes.
        skipped: why commits were not looked for; empty where they were.
        counts: of rows, by kind and state.
    """

    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    stale: dict[str, tuple[int, str]] = field(default_factory=dict)
    skipped: str = ""
    counts: Counter[str] = field(default_factory=Counter)

    def show(self) -> None:
        """Prints all of it."""
        c = self.counts
        stale = sum(n for n, _ in self.stale.values())
        print(f"{c['rows']} rows of {c['figures']} figures:")
        print(f"  {c['requirement']} requirements, of which {c['missed']} missed")
        print(f"  {c['observation']} observations")
        print(f"  {c['unverified']} unverified")
        told = f"{stale} stale, of which {c['stale unverified']} unverified"
        print(f"  {'stale not looked for' if self.skipped else told}")
        print(f"  {c['dirty']} measured on a tree that was not a commit's")
        print(f"{c['quotes']} numbers of the documentation are theirs")
        for figure, (number, change) in self.stale.items():
            print(f"stale: {figure}, {number} rows; changed since: {change}")
        for text in self.notes:
            print(text)
        if self.skipped:
            print(f"commits and what is stale were not looked for: {self.skipped}")
        for text in self.wrong:
            print(f"wrong: {text}")


def check(root: pathlib.Path, table: Mapping[str, str]) -> Findings:
    """Looks at all rows, limits and quotes of a repository.

    Args:
        root: of the repository.
        table: of all figures, with the arguments of `python`.
    """
    found = Findings()
    tables = dict(_limits(root, table, found))
    try:
        every = rows.read(root)
    except ValueError as error:
        found.wrong.append(f"{rows.FILE} is no JSON: {error}")
        return found
    whole = [row for row in every if _is_whole(row, found)]
    reasons = missed.read(root)
    for row in whole:
        found.wrong += [f"{label(row)}: {fault}" for fault in _faults(row, table, tables, reasons)]
    found.wrong += _of_all(whole, reasons)
    repository = Repository(root)
    found.skipped = repository.why_not_whole()
    if not found.skipped:
        _history(repository, whole, table, found)
    found.wrong += quotes.faults(root, whole)
    _count(root, whole, table, found)
    return found


def _limits(
    root: pathlib.Path, table: Mapping[str, str], found: Findings
) -> Iterator[tuple[str, limits.Limits]]:
    """The limits of each figure, as the code of its benchmark has them."""
    for figure, entry in table.items():
        try:
            known = limits.of_command(entry, root)
        except ValueError as error:
            found.wrong.append(f"{figure}: {error}")
            known = {}
        found.wrong += [f"{figure}: {fault}" for fault in limits.faults(known)]
        yield figure, known


def _is_whole(row: Row, found: Findings) -> bool:
    needed = rows.FIELDS if "unverified" in row else (*rows.FIELDS, *rows.MEASURED)
    lacking = [name for name in needed if name not in row]
    if lacking:
        found.wrong.append(f"{label(row)}: no {', '.join(lacking)}; measure it by the program")
    return not lacking


def _faults(
    row: Row,
    table: Mapping[str, str],
    tables: Mapping[str, limits.Limits],
    reasons: missed.Reasons,
) -> Iterator[str]:
    """What is wrong with one row by itself."""
    if row["digest"] != rows.digest(row):
        yield "it was edited: its digest is that of another content; measure it by the program"
    if row["figure"] not in table:
        yield "no such figure"
        return
    if row["kind"] not in ("requirement", "observation"):
        yield f"{row['kind']!r} is neither requirement nor observation"
    if (row["kind"] == "requirement") != bool(row["limit"]):
        yield "a requirement has a limit, and an observation none"
    elif row["kind"] == "observation" and not row["ok"]:
        yield "an observation cannot miss anything"
    elif row["limit"]:
        yield from _verdict(row)
    why = reasons.get(row["figure"], {}).get(row["name"], "")
    if not row["ok"] and not why:
        yield f"it missed its limit, and {missed.FILE} does not say why"
    if row.get("why", "") != ("" if row["ok"] else why):
        yield f"its reason is not that of {missed.FILE}; run --explain"
    if "unverified" in row:
        return
    if not commands.belongs(table[row["figure"]], row["command"]):
        yield f"its command {row['command']!r} is not that of the table of figures"
    entry = limits.find(tables[row["figure"]], row["name"])
    limit = entry[0] if entry else ""
    if row["limit"] != limit:
        yield f"its limit is {row['limit']!r}, and that of the benchmark's code {limit!r}"


def _verdict(row: Row) -> Iterator[str]:
    try:
        if limits.holds(row["limit"], row["value"], row.get("error", 0.0)) != row["ok"]:
            yield f"{row['value']} and {row['limit']!r} do not give the verdict {row['ok']}"
    except (TypeError, ValueError):
        # An older program's limit, such as that of another measurement.
        if "unverified" not in row:
            yield f"{row['limit']!r} is no limit for {row['value']!r}"


def _of_all(every: list[Row], reasons: missed.Reasons) -> Iterator[str]:
    """What is wrong with the rows as a whole."""
    names = Counter((row["figure"], row["name"]) for row in every)
    yield from (f"{f}: {n}: {k} rows, not one" for (f, n), k in names.items() if k > 1)
    missing = {(row["figure"], row["name"]) for row in every if not row["ok"]}
    for figure, sentences in reasons.items():
        for name in sentences:
            if (figure, name) not in missing:
                yield f"{missed.FILE}: {figure}: {name}: no such row is missed"


def _history(
    repository: Repository, every: list[Row], table: Mapping[str, str], found: Findings
) -> None:
    """Commits, files of which rows were taken over, and what is stale."""
    commits = {row["commit"].partition("+")[0] for row in every}
    trees = repository.trees(commits | {row.get("tree", "") for row in every})
    blobs = repository.contents({r["unverified"]["blob"] for r in every if "unverified" in r})
    old = {blob: json.loads(content) for blob, content in blobs.items()}
    history = History(repository)
    for row in every:
        commit = row["commit"].partition("+")[0]
        tree = row.get("tree") or trees.get(commit, "")
        if "unverified" in row:
            if not adopt.stood(row, old.get(row["unverified"]["blob"], [])):
                found.wrong.append(f"{label(row)}: it never stood in {rows.FILE} as it is here")
        elif commit not in trees and tree not in trees:
            found.wrong.append(f"{label(row)}: neither its commit {commit} nor its tree exists")
        elif commit in trees and trees[commit] != tree:
            found.wrong.append(f"{label(row)}: commit {commit} has another tree than {tree}")
        if tree in trees.values() and row["figure"] in table:
            lost = history.lost(table[row["figure"]], tree)
            if lost:
                number, change = found.stale.get(row["figure"], (0, lost[0]))
                found.stale[row["figure"]] = number + 1, change
                found.counts["stale unverified"] += "unverified" in row


def _count(root: pathlib.Path, every: list[Row], table: Mapping[str, str], found: Findings) -> None:
    counts = found.counts
    counts["rows"], counts["quotes"] = len(every), quotes.count(root)
    counts["figures"] = len({row["figure"] for row in every})
    for row in every:
        counts[row["kind"]] += 1
        counts["missed"] += not row["ok"]
        counts["unverified"] += "unverified" in row
        counts["dirty"] += not row.get("clean", True)
        if not row["ok"]:
            found.notes.append(f"missed: {label(row)}: {row['value']} ({row['limit']})")
    if never := [name for name in table if all(row["figure"] != name for row in every)]:
        found.notes.append(f"never measured: {', '.join(never)}")
