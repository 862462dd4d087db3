"""The commands that the documentation shows, page by page, as a shell would read them."""

from __future__ import annotations

import json
import pathlib
import re
import shlex
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).parents[2]

#: A line that begins so is a command also where nothing says that a block is one for a shell.
#: `cells` and `make` are words of prose, too.
_COMMAND = re.compile(
    r"(cell-search|cell-transfer|cell-detect|pip install|sbatch|kubectl|docker|optuna-dashboard"
    r"|python -m|make (demo|test|check|venv|figures|docs-test)"
    r"|cells (list|operations|show|summary|draw|convert|diff|validate|import-weights"
    r"|dataset|auto|docs)"
    r")(?=\s|$)"
)

#: What follows a command on its line: a comment, or words at some distance.
_BESIDE = re.compile(r"(?<=\S)(\s+#\s.*|\s{3,}\S.*|\s{2,}\(.*\))$")


@dataclass(frozen=True)
class Command:
    """A command as it is printed.

    Attributes:
        page: where: a file, or `PROGRAM --help`.
        text: on one line, as a shell joins lines.
    """

    page: str
    text: str

    @property
    def words(self) -> list[str]:
        """The program and its arguments."""
        return shlex.split(self.text)

    @property
    def program(self) -> str:
        """Its first word."""
        return self.words[0]


def pages() -> dict[str, list[Command]]:
    """All commands in the order of each page; pages without commands and Python are left out."""
    files = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    found = {_name(path): _of_markdown(path.read_text(encoding="utf-8")) for path in files}
    found |= {f"{program} --help": _joined(text.splitlines()) for program, text in helps().items()}
    found |= {_name(path): [] for path in sorted((ROOT / "docs").glob("*.ipynb"))}
    for path in sorted((ROOT / "configs").rglob("*.*")):
        found[_name(path)] = _of_header(path.read_text(encoding="utf-8"))
    return {
        page: [Command(page, text) for text in texts]
        for page, texts in found.items()
        if texts or (page.endswith((".md", ".ipynb")) and scripts(page))
    }


def helps() -> dict[str, str]:
    """The texts of `--help`, in which examples stand."""
    import cell_search.cli
    import cells.cli
    import detection.cli
    import transfer.cli

    return {
        "cells": cells.cli.__doc__ or "",
        "cell-search": cell_search.cli.__doc__ or "",
        "cell-transfer": transfer.cli.__doc__ or "",
        "cell-detect": detection.cli.__doc__ or "",
    }


def block(page: str, language: str) -> str:
    """The first block of a language on a page, such as the file that a command reads.

    Args:
        page: a Markdown file.
        language: that the block names.
    """
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.search(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found, f"{page} shows no {language}"
    return found[1]


def scripts(page: str) -> list[str]:
    """The blocks of Python of a page, or the cells of a notebook.

    Args:
        page: a Markdown file, or a notebook.
    """
    text = (ROOT / page).read_text(encoding="utf-8")
    if page.endswith(".ipynb"):
        cells = json.loads(text)["cells"]
        return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def indented(page: str, first: str) -> str:
    """An indented block of a page, without its indentation.

    Args:
        page: a Markdown file.
        first: what its first line begins with.
    """
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.search(rf"^    {re.escape(first)}.*\n((?:    .*\n)+)", text, re.MULTILINE)
    assert found, f"{page} shows no {first}"
    return textwrap.dedent(found[1])


def _name(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _of_markdown(text: str) -> list[str]:
    """The commands of blocks for a shell, and of blocks that are indented."""
    lines: list[str] = []
    language: str | None = None
    for line in text.splitlines():
        if fence := re.match(r"\s*```(\w*)", line):
            language = fence[1] if language is None else None
            lines.append("")
        elif language == "sh" or (language is None and line.startswith("    ")):
            lines.append(line)
        else:
            lines.append("")
    return _joined(lines)


def _of_header(text: str) -> list[str]:
    """The commands of the comment at the top of a file."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(re.sub(r"^Command:?\s+", "", line.lstrip("#! ")))
    return _joined(lines)


def _joined(lines: Iterable[str]) -> list[str]:
    return list(_commands(lines))


def _commands(lines: Iterable[str]) -> Iterator[str]:
    command: str | None = None
    for line in lines:
        if command is None:
            if not _COMMAND.match(line.lstrip()):
                continue
            command, line = "", line.lstrip()
        line = _BESIDE.sub("", line.rstrip())
        # A shell takes away the backslash and the end of the line, and no blank behind it.
        command += line.removesuffix("\\")
        if not line.endswith("\\"):
            yield command
            command = None
