"""How a documented command is run: as printed, with the options of `shortened.yaml`, or not."""

from __future__ import annotations

import os
import pathlib
import re
from dataclasses import dataclass, field
from typing import Any

import yaml
from documented_commands import Command

_FILE = pathlib.Path(__file__).with_name("shortened.yaml")
TABLE: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))

#: Between two settings of `--params_override`: a comma in front of a key.
_BETWEEN = re.compile(r",\s*(?=[\w.]+=)")
_OVERRIDE = "--params_override="


@dataclass(frozen=True)
class Page:
    """What the table says of a page.

    Attributes:
        before: commands that the page takes for granted.
        files: where the files come from that it names.
        shorter: options by a part of a command.
        skipped: why not, by a part of a command.
        needs: data sets by a part of a command.
        no_python: why its Python is not run, behind its commands.
    """

    before: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    shorter: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    needs: dict[str, str] = field(default_factory=dict)
    no_python: str = ""


@dataclass(frozen=True)
class Call:
    """A command as it is run.

    Attributes:
        words: the program and its arguments; none where it is not run.
        shortened: whether these are not those that are printed.
        why_not: the reason where it is not run.
    """

    words: tuple[str, ...]
    shortened: bool = False
    why_not: str = ""


def page(name: str) -> Page:
    """What the table says of a page; nothing of most.

    Args:
        name: a file, or `PROGRAM --help`.
    """
    said = TABLE["pages"].get(name) or {}
    return Page(
        before=said.get("before", []),
        files=said.get("files", {}),
        shorter=said.get("with", {}),
        skipped=said.get("not", {}),
        needs=said.get("needs", {}),
        no_python=said.get("python", ""),
    )


def call(command: Command) -> Call:
    """How a command is run.

    Args:
        command: as it is printed.
    """
    said, text = page(command.page), " ".join(command.text.split())
    if reason := _said(said.skipped, text):
        return Call((), why_not=reason)
    data = os.environ.get("CELLS_DATA_DIR", "")
    wanted = _said(said.needs, text)
    if wanted and not (data and pathlib.Path(data, wanted).is_dir()):
        return Call((), why_not=f"needs {wanted} in CELLS_DATA_DIR, which does not have it")
    words = [TABLE["words"].get(word, word) for word in command.words]
    words = [word.replace("$CELLS_DATA_DIR", data) for word in words]
    options = _said(said.shorter, text)
    if not options:
        return Call(tuple(words))
    return Call(tuple(_with(words, options)), shortened=True)


def _said(table: dict[str, str], text: str) -> str:
    """What the first entry says whose key the command contains."""
    return next((value for key, value in table.items() if key in text), "")


def _with(words: list[str], options: str) -> list[str]:
    """A command with options in the place of its own; settings alone are those of `_OVERRIDE`."""
    if not options.startswith("--"):
        options = _OVERRIDE + options
    for option in options.split(" "):
        name = option.partition("=")[0] + "="
        own = next((word for word in words if word.startswith(name)), None)
        if own is None:
            words = [*words, option]
        elif name != _OVERRIDE:
            words = [option if word == own else word for word in words]
        else:
            settings = _settings(own) | _settings(option)
            merged = _OVERRIDE + ",".join(f"{key}={value}" for key, value in settings.items())
            words = [merged if word == own else word for word in words]
    return words


def _settings(option: str) -> dict[str, str]:
    pairs = _BETWEEN.split(option.removeprefix(_OVERRIDE).strip())
    return {key: value for key, _, value in (pair.partition("=") for pair in pairs)}
