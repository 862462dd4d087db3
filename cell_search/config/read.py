"""The configuration that is asked for: files and overrides, on top of what a directory was made
with."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from cell_search.config import schema
from cell_search.config.comparison import require_same
from cell_search.config.schema import SearchConfig
from cell_search.space.published import WHOLE
from cell_search.study.directory import SearchDirectory
from cells import shipped
from cells.support import overrides, yaml_file
from cells.support.errors import UserError
from cells.support.files import as_paths
from cells.support.settings_differences import flat

_OF_CELLS = re.compile(
    rf"(((rerank|sieve)\.)?evaluator\.\w+|settings)\.({'|'.join(schema.OF_CELLS)})"
)

#: What a configuration may be given as: itself, its values, or one or more YAML files.
Config = SearchConfig | Mapping[str, Any] | str | os.PathLike[str] | Sequence[str]


def read(
    config: Config | None,
    changes: Mapping[str, Any],
    text: str | None = None,
    directory: SearchDirectory | None = None,
) -> SearchConfig:
    """Puts a configuration together.

    Args:
        config: what it begins with, files also by the names of those that come with this; None:
            with that of the directory, or with the defaults.
        changes: values on top of it, nested as in a file.
        text: further ones, as `--params_override` takes them; they come before `changes`.
        directory: of the search, which may hold one already.

    Returns:
        The configuration; that of a directory with a database names its study.

    Raises:
        UserError: it is not one, or the directory has trials of another.
    """
    if directory is not None:
        _recover(directory)
    stored = directory.stored_config() if directory else None
    given: list[Mapping[str, Any]] = []
    if isinstance(config, SearchConfig):
        config = schema.used_values(config)
        usual = flat(SearchConfig().as_dict())
        wanted = schema.from_values(config, "config")
        given.append({k: v for k, v in flat(wanted.as_dict()).items() if v != usual.get(k)})
    elif isinstance(config, Mapping):
        wanted = schema.from_values(config, "config")
        given.append(config)
    elif not config and directory is not None and stored is not None:
        wanted = schema.from_values(stored, str(directory.config))
    else:
        wanted = SearchConfig()
        for file in as_paths(config or ()):
            path = shipped.configuration(file, "search")
            given.append(overrides.read_yaml(path))
            overrides.apply(wanted, given[-1], path)
    overrides.override(wanted, text=text)
    overrides.apply(wanted, changes, "the arguments")
    if wanted.space.name in WHOLE:
        for values in (*given, overrides.given(text), changes):
            _refuse_settings_of_cells(values)
    if directory is None:
        return wanted
    if wanted.storage and not wanted.study:
        wanted.study = (stored or {}).get("study") or directory.new_study_name()
    if stored is not None:
        try:
            require_same(wanted, stored, str(directory.config))
        except UserError:
            # A search that ended before its first trial has left nothing but its settings.
            if directory.has_trials():
                raise
    return wanted


def _refuse_settings_of_cells(values: Mapping[str, Any]) -> None:
    """Raises a UserError where a search of whole networks is given what they do not have."""
    for key, value in flat(values).items():
        if value is not None and _OF_CELLS.fullmatch(key):
            raise UserError(
                f"{key}: is for networks stacked of cells, and this space has whole ones; leave it "
                "out"
            )


def _recover(directory: SearchDirectory) -> None:
    """Takes the settings that the journal recorded where `config.yaml` is gone or cut.

    Raises:
        UserError: it was changed; says what differs.
    """
    directory.recover(None)
    noted, file = directory.noted_config(), directory.config
    if noted is None:
        if directory.journal.is_file() and not file.exists() and directory.journal.stat().st_size:
            raise UserError(
                f"{file}: is missing, and {directory.journal.name} is of a version that did not "
                "record it; put the file back, or use another search directory"
            )
        return
    text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
    if text == noted:
        return
    recorded = _recorded(directory, noted)
    if not text.strip() or noted.startswith(text.rstrip()):
        directory.recover(recorded)
        print(
            f"cell-search: {file} is {'cut' if text else 'missing'}; the settings are those that "
            f"{directory.journal.name} recorded",
            file=sys.stderr,
        )
        return
    try:
        require_same(schema.from_values(overrides.read_yaml(file), str(file)), recorded, str(file))
    except UserError as error:
        if not directory.has_trials():
            return
        raise UserError(
            f"{error}; the file is not what {directory.journal.name} recorded: remove it, and the "
            "search goes on with what is recorded"
        ) from None


def _recorded(directory: SearchDirectory, noted: Any) -> dict[str, Any]:
    """The settings that a journal recorded as the text of a file."""
    try:
        values = yaml_file.loads(noted) if isinstance(noted, str) else None
    except UserError:
        values = None
    if not isinstance(values, dict):
        raise UserError(
            f"{directory.journal}: what it recorded of {directory.config.name} is damaged; put "
            "that back"
        )
    return values
