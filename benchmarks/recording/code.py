"""The code that a figure depends on, of today and of the commit that it was measured at.

That is every statement of the modules that its benchmark imports, directly or not, and of the
commands that it runs, without walls and words (`benchmarks.recording.syntax`), and the files of
settings that the benchmark names. Other data that the code reads does not count, nor does the order
of statements in a module, nor in which module a statement stands.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import pathlib
import tomllib
from collections.abc import Callable, Mapping

import yaml

from benchmarks.recording import syntax
from benchmarks.recording.git import Repository
from benchmarks.recording.limits import module_of

#: What makes and checks rows decides nothing of what is measured.
_APART = ("benchmarks.recording", "benchmarks.report", "benchmarks.figures")


class Snapshot:
    """The files of one state of the project.

    Args:
        files: something for each path that is another one where the content is another one.
        read: gives the content of such a thing.
        known: what other snapshots have found, by content.
    """

    def __init__(
        self, files: Mapping[str, str], read: Callable[[str], bytes], known: dict | None = None
    ):
        self._files, self._read = files, read
        self._known: dict = {} if known is None else known
        self._paths: dict[str, str] = {}
        for path in files:
            if path.endswith(".py"):
                module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
                self._paths[module] = path
        self._packages = {
            ".".join(module.split(".")[:i])
            for module in self._paths
            for i in range(1, module.count(".") + 1)
        } | {m for m, path in self._paths.items() if path.endswith("/__init__.py")}
        self._roots = {module.split(".")[0] for module in self._packages}
        self._programs = self._console_commands()

    def _console_commands(self) -> dict[str, str]:
        """Modules by the name of the console command that runs them."""
        if "pyproject.toml" not in self._files:
            return {}
        project = tomllib.loads(self._read(self._files["pyproject.toml"]).decode())["project"]
        return {name: where.split(":")[0] for name, where in project.get("scripts", {}).items()}

    def code_of(self, command: str) -> dict[str, str]:
        """All that `python COMMAND` depends on by its digest, in words; empty without it."""
        module = self._runnable(module_of(command))
        if module not in self._paths:
            return {}
        found: dict[str, str] = {}
        named = set(syntax.FILES.findall(command))
        for reached in self._reached(module):
            if reached.startswith(_APART):
                continue
            found |= {d: f"{reached}: {name}" for d, name in self._statements(reached).items()}
            if reached.startswith("benchmarks."):
                texts = self._source(reached).texts
                named |= {name for text in texts for name in syntax.FILES.findall(text)}
        return found | {self._data(path): path for path in named if path in self._files}

    def everything(self) -> set[str]:
        """Digests of all statements, wherever they stand."""
        return {digest for module in self._paths for digest in self._statements(module)}

    def _reached(self, start: str) -> set[str]:
        """A module and all modules that it imports or runs, directly or not."""
        found: set[str] = set()
        todo = [start]
        while todo:
            module = todo.pop()
            if module in found or module not in self._paths:
                continue
            found.add(module)
            # A module is imported with the packages in which it lies.
            todo += _and_above(module)
            source = self._source(module)
            for target in source.imports:
                todo += _and_above(target)
            todo += [text for text in source.texts if "." in text and text in self._paths]
            if module.startswith("benchmarks.") and not module.startswith(_APART):
                programs = (self._programs.get(text) for text in source.passed)
                todo += [program for program in programs if program]
        return found

    def _runnable(self, module: str) -> str:
        main = f"{module}.__main__"
        return main if main in self._paths else module

    def _package(self, module: str) -> str:
        return module if module in self._packages else module.rpartition(".")[0]

    def _source(self, module: str) -> syntax.Source:
        package = self._package(module)
        key = "source", self._files[self._paths[module]], package
        if key not in self._known:
            self._known[key] = syntax.parse(self._read(key[1]), package)
        return self._known[key]

    def _statements(self, module: str) -> dict[str, str]:
        source = self._source(module)
        # The same file means the same wherever its imports are modules or not as before.
        modules = frozenset(name for name in source.imports if self._is_module(name))
        key = "statements", self._files[self._paths[module]], modules
        if key not in self._known:
            package = self._package(module)
            self._known[key] = syntax.statements(source, package, self._is_ours, self._is_module)
        return self._known[key]

    def _is_ours(self, name: str) -> bool:
        return name.split(".")[0] in self._roots

    def _is_module(self, name: str) -> bool:
        return name in self._paths or name in self._packages

    def _data(self, path: str) -> str:
        key = "data", self._files[path]
        if key not in self._known:
            text = self._read(key[1])
            with contextlib.suppress(yaml.YAMLError):
                # Without comments and layout.
                text = json.dumps(yaml.safe_load(text), sort_keys=True, default=str).encode()
            self._known[key] = hashlib.sha256(text).hexdigest()
        return self._known[key]


def _and_above(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:i]) for i in range(1, len(parts) + 1)]


class History:
    """What the code of commands has lost since some trees of a repository."""

    def __init__(self, repository: Repository):
        self._repository = repository
        self._known: dict = {}
        self._contents: dict[str, bytes] = {}
        self._snapshots: dict[str, Snapshot] = {}
        self._lost: dict[tuple[str, str], list[str]] = {}
        self._now = self._as_it_lies_there()
        self._everything: set[str] | None = None

    def lost(self, command: str, tree: str) -> list[str]:
        """What `python COMMAND` depended on at a tree and is no more, in words.

        A statement that stands elsewhere now has only moved. What has been added does not count:
        where it matters, something changed that calls it.
        """
        key = command, tree
        if key not in self._lost:
            if tree not in self._snapshots:
                self._snapshots[tree] = self._at(tree)
            before, now = self._snapshots[tree].code_of(command), self._now.code_of(command)
            gone = {digest: words for digest, words in before.items() if digest not in now}
            if gone and self._everything is None:
                self._everything = self._now.everything()
            self._lost[key] = sorted(
                w for d, w in gone.items() if d not in (self._everything or ())
            )
            if not before:
                self._lost[key] = ["the benchmark, which was not there"]
        return self._lost[key]

    def _at(self, tree: str) -> Snapshot:
        files = {p: i for p, i in self._repository.files(tree).items() if _matters(p)}
        self._contents |= self._repository.contents(set(files.values()) - self._contents.keys())
        return Snapshot(files, self._contents.__getitem__, self._known)

    def _as_it_lies_there(self) -> Snapshot:
        """The files of the working tree, those that are new included."""
        root = self._repository.root
        listed = self._repository.text("ls-files", "-co", "--exclude-standard").splitlines()
        files = {}
        for path in filter(_matters, listed):
            if (root / path).is_file():
                content = (root / path).read_bytes()
                # As git calls it, so that what did not change is read once.
                key = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
                files[path], self._contents[key] = key, content
        return Snapshot(files, self._contents.__getitem__, self._known)


def _matters(path: str) -> bool:
    name = pathlib.PurePosixPath(path)
    if name.parts[0] in ("docs", "demo", "runs", "tests") and name.suffix == ".py":
        return False
    return name.suffix in (".py", ".yaml", ".yml", ".json") or path == "pyproject.toml"
