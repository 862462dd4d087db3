"""Files without code that come with it: pages of `docs`, configurations of `configs`, weights.

The first two lie beside the package `cells` in a clone, in a wheel inside of it (`setup.py`).
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import pathlib
from collections.abc import Iterable
from typing import Any

from cells.support import overrides, registry
from cells.support.errors import UserError, cut, nearest
from cells.support.files import expanded
from cells.support.registry import choose
from cells.support.settings_differences import flat

#: Weights of small networks; its README.md tells all.
WEIGHTS = pathlib.Path(__file__).parent / "weights" / "shipped"

#: Folders of `configs` by stage, with what belongs behind any recipe of it.
_FOLDERS = {
    "search": ("search", "cluster"),
    "transfer": ("transfer", "runtime"),
    "detection": ("detection", "runtime"),
}

#: The keys of all settings, which `make keys` writes.
KEYS = pathlib.Path(__file__).parent / "keys.json"

#: A file of `configs/cluster` that other programs read.
_NOT_OURS = "kubernetes"


def folder(name: str) -> pathlib.Path:
    """Where the files are that a clone has in its folder `name`, `configs` or `docs`."""
    package = pathlib.Path(__file__).parent
    installed = package / f"_{name}"
    return installed if installed.is_dir() else package.parent / name


def weights() -> list[str]:
    """The names of the files of weights, such as `hand_written_cifar10.safetensors`."""
    return sorted(path.name for path in WEIGHTS.glob("*.safetensors"))


def configuration(given: str | os.PathLike[str], stage: str) -> str:
    """The file that `--config_file` names: one of the user's own, else one that comes with this.

    Args:
        given: a file; or one of `configs`, as `configs/search/digits_demo.yaml` or `digits_demo`.
        stage: whose short names are known: `search`, `transfer` or `detection`.

    Returns:
        The path of a file that is there, or is named like none of `configs`.

    Raises:
        UserError: there is neither such a file nor such a name; says which names there are.

    Example:
        >>> os.path.basename(configuration("digits_demo", "search"))
        'digits_demo.yaml'
    """
    named = os.fspath(given)
    own = expanded(named)
    if own.is_absolute() or (own.exists() and not own.is_dir()):
        return named
    path, known = pathlib.PurePath(named), _short_names(stage)
    file = known.get(named.removesuffix(".yaml"))
    if path.parts[:1] == ("configs",):
        file = folder("configs") / path.relative_to("configs")
    if file is not None and file.is_file():
        return str(file)
    if own.is_dir():
        return named
    raise UserError(
        f"{cut(named, 80)}: there is no such configuration file; {nearest(path.stem[:80], known)}"
        f"those that come with this are {', '.join(known)}"
    )


def read_settings(files: Iterable[str], override: str | None, stage: str) -> dict[str, Any]:
    """What the settings of a program say, as `a.b.c: value`.

    A program calls this first: the keys are those of Model Garden's classes, before whose import
    people would wait for seconds to learn of a slip.

    Args:
        files: as `--config_file` names them.
        override: as `--params_override` gives it.
        stage: as `configuration` takes it.

    Raises:
        UserError: they cannot be read, or a key does not exist.
    """
    paths = [configuration(file, stage) for file in files]
    given = [(overrides.read_yaml(path), path) for path in paths]
    given.append((overrides.parsed(override or ""), "--params_override"))
    known = _known_keys(stage)
    settings: dict[str, Any] = {}
    for values, where in given:
        if known is not None:
            overrides.require_keys(values, known, where)
        settings |= flat(values)
    return settings


def _known_keys(stage: str) -> dict[str, Any] | None:
    """The keys of all configurations of a stage, nested; None where others may exist: those of
    another version of a library, or of somebody's own modules.
    """
    listed = json.loads(KEYS.read_text(encoding="utf-8"))
    try:
        installed = {name: importlib.metadata.version(name) for name in listed["versions"]}
    except importlib.metadata.PackageNotFoundError:  # Installed under another name.
        return None
    return None if registry.is_extended() or installed != listed["versions"] else listed[stage]


def _short_names(stage: str) -> dict[str, pathlib.Path]:
    files = (file for part in _FOLDERS[stage] for file in (folder("configs") / part).glob("*.yaml"))
    return {file.stem: file for file in sorted(files) if file.stem != _NOT_OURS}


def page(name: str) -> str:
    """A page of the documentation, as Markdown.

    Args:
        name: such as `search`; see `pages`.

    Raises:
        UserError: there is no such page; says which there are.
    """
    return choose("PAGE", name, pages(), "page").read_text(encoding="utf-8")


def pages() -> dict[str, pathlib.Path]:
    """The files of the documentation, by the names of their pages."""
    return {file.stem: file for file in sorted(folder("docs").glob("*.md"))}
