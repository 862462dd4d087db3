"""Results that are kept as they come, so that a comparison which is stopped goes on.

  python -m benchmarks.kept runs/evolved_graphs/results.jsonl

copies such a file to where it is committed, below `benchmarks/results`: figures of many hours are
measured on several days, and a fresh clone goes on with what is there.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import pathlib
import re
import sys
from collections.abc import Iterator
from typing import Any

from benchmarks.recording.git import Repository
from benchmarks.table_searches import Contender, find

ROOT = pathlib.Path(__file__).parents[1]

#: What is committed of files below `runs`.
RUNS, RESULTS = ROOT / "runs", ROOT / "benchmarks" / "results"


def code_of(strategy: str, *evaluation: str) -> str:
    """A digest of the code that decides what a strategy proposes.

    That is the strategy's module and all modules of this project that it imports, by name or
    through others, and those that evaluate. Another state of one of them is another measurement.

    Args:
        strategy: its name.
        evaluation: modules by name; the tables by default.
    """
    todo = [pathlib.Path(sys.modules[find(strategy).__module__].__file__ or "")]
    todo += [ROOT / f"{module.replace('.', '/')}.py" for module in evaluation]
    if not evaluation:
        todo += (ROOT / "cell_search" / "evaluators" / "tables").glob("*.py")
    return _digest(todo)


def code_of_modules(*modules: str) -> str:
    """A digest of modules by name, and of all that they import of this project."""
    return _digest([ROOT / f"{module.replace('.', '/')}.py" for module in modules])


def _digest(todo: list[pathlib.Path]) -> str:
    known: set[pathlib.Path] = set()
    while todo:
        path = todo.pop()
        if path not in known:
            known.add(path)
            todo += _imported(path)
    digest = hashlib.sha256()
    for path in sorted(known):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _imported(path: pathlib.Path) -> list[pathlib.Path]:
    """The files of the modules that a file imports with `from`; a package's own file is left
    out, since it imports everything."""
    modules: list[str] = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules += [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
    files = (ROOT / f"{module.replace('.', '/')}.py" for module in modules)
    return [file for file in files if file.is_file()]


class Records:
    """Results by what was asked for, one JSON line each; a torn line is skipped.

    Of a file below `runs` it knows what is committed, too.

    Args:
        path: of the file.
    """

    def __init__(self, path: pathlib.Path):
        self.path = path
        self._known: dict[str, tuple[Any, str]] = {}
        self._commit = Repository(ROOT).head()[0][:7]
        for line in [*read_lines(committed(path)), *read_lines(path)]:
            key, value, commit = (*line, "")[:3]
            self._known[json.dumps(key, sort_keys=True)] = value, commit

    def find(self, key: Any) -> Any:
        """The result, or None where there is none."""
        return self._known.get(json.dumps(key, sort_keys=True), (None, ""))[0]

    def add(self, key: Any, value: Any) -> None:
        """Takes and writes a result."""
        self._known[json.dumps(key, sort_keys=True)] = value, self._commit
        write_line(self.path, [key, value, self._commit])

    def measured_on(self) -> str:
        """On which commits, in words; empty where all was measured on the present one."""
        commits = {commit for _, commit in self._known.values() if commit}
        return f"measured on {', '.join(sorted(commits))}" if commits - {self._commit} else ""


def committed(path: pathlib.Path) -> pathlib.Path:
    """Where a file below `runs` is committed; itself elsewhere."""
    path = path.absolute()
    return RESULTS / path.relative_to(RUNS) if path.is_relative_to(RUNS) else path


def commit(path: pathlib.Path) -> pathlib.Path:
    """Writes all lines, those that were committed before too, to where they are committed.

    Raises:
        ValueError: it is no file below `runs`, or there is none.
    """
    target = committed(path)
    if target == path.absolute() or not path.is_file():
        raise ValueError(f"{path}: is no file below {RUNS}")
    known = [json.dumps(line) for line in read_lines(target)]
    new = [text for line in read_lines(path) if (text := json.dumps(line)) not in known]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(f"{text}\n" for text in [*known, *new]), encoding="utf-8")
    return target


def read_lines(path: pathlib.Path) -> Iterator[Any]:
    """The lines of a file that are whole; none where there is no file."""
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        with contextlib.suppress(ValueError):
            yield json.loads(line)


def write_line(path: pathlib.Path, record: Any) -> None:
    """Appends a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        # First the end of a line that an earlier process may have left torn.
        file.write(f"\n{json.dumps(record)}\n")


class Kept:
    """The results of a contender on a table, one JSON line a seed; a torn line is skipped."""

    def __init__(self, folder: pathlib.Path, table: str, dataset: str, contender: Contender):
        slug = re.sub(r"[^\w.=,-]", "_", f"{table}-{dataset}-{contender.text}")
        self.path = folder / f"{slug}-{code_of(contender.name)}.jsonl"
        self.runs: dict[int, dict[str, list]] = {}
        for run in read_lines(self.path):
            self._take(run)

    def _take(self, run: dict) -> None:
        known = self.runs.get(run["seed"])
        if known is None or len(known["valid"]) < len(run["valid"]):
            self.runs[run["seed"]] = run

    def missing(self, seeds: range, queries: int) -> list[int]:
        """The seeds that have not been run so far."""
        return [s for s in seeds if len(self.runs.get(s, {"valid": ()})["valid"]) < queries]

    def add(self, seed: int, run: dict[str, list]) -> None:
        """Takes and writes a result."""
        record = {"seed": seed, **run}
        self._take(record)
        write_line(self.path, record)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        try:
            print(commit(pathlib.Path(name)).relative_to(ROOT))
        except ValueError as error:
            sys.exit(str(error))
