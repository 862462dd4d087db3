"""What is asked of git."""

from __future__ import annotations

import pathlib
import subprocess
from collections.abc import Iterable


class Repository:
    """A repository, or a folder that is none.

    Args:
        root: its uppermost folder.
    """

    def __init__(self, root: pathlib.Path):
        self.root = root

    def ask(self, *arguments: str, given: bytes | None = None) -> bytes:
        """The output of a git command; empty where it fails."""
        command = ["git", *arguments]
        try:
            done = subprocess.run(command, cwd=self.root, input=given, capture_output=True)
        except FileNotFoundError:
            return b""
        return done.stdout if done.returncode == 0 else b""

    def text(self, *arguments: str) -> str:
        """The output of a git command, stripped."""
        return self.ask(*arguments).decode().strip()

    def why_not_whole(self) -> str:
        """Why old commits cannot be looked for; empty where they can."""
        top = self.text("rev-parse", "--show-toplevel")
        if not top or pathlib.Path(top).resolve() != self.root.resolve():
            return "this is no git repository"
        if self.text("rev-parse", "--is-shallow-repository") != "false":
            return "this is a shallow clone"
        return ""

    def changes(self) -> str:
        """What differs from the last commit, new files included, the rows themselves apart."""
        return self.text("status", "--porcelain", "--", ".", ":!docs/figures.json")

    def head(self) -> tuple[str, str]:
        """The commit that is checked out, and its tree."""
        return self.text("rev-parse", "HEAD"), self.text("rev-parse", "HEAD^{tree}")

    def trees(self, names: Iterable[str]) -> dict[str, str]:
        """The tree of each commit or tree; those that do not exist are left out."""
        names = sorted(set(filter(None, names)))
        given = "".join(f"{name}^{{tree}}\n" for name in names).encode()
        lines = self.ask("cat-file", "--batch-check", given=given).decode().splitlines()
        answers = dict(zip(names, lines, strict=False))
        return {name: line.split()[0] for name, line in answers.items() if " tree " in line}

    def files(self, tree: str) -> dict[str, str]:
        """The id of each file of a tree, by path."""
        lines = self.ask("ls-tree", "-r", "-z", tree).decode().split("\0")
        entries = (line.partition("\t") for line in lines if line)
        return {path: words.split()[2] for words, _, path in entries}

    def contents(self, ids: Iterable[str]) -> dict[str, bytes]:
        """The files of these ids; those that do not exist are left out."""
        given = "".join(f"{i}\n" for i in sorted(set(ids))).encode()
        output, at = self.ask("cat-file", "--batch", given=given), 0
        found: dict[str, bytes] = {}
        while at < len(output):
            end = output.index(b"\n", at)
            words, at = output[at:end].decode().split(), end + 1
            if len(words) == 3:
                size = int(words[2])
                found[words[0]] = output[at : at + size]
                at += size + 1
        return found
