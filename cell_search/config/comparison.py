"""Whether a search may go on with other settings than it began with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cell_search.config.from_dataclasses import section
from cell_search.config.schema import CHOICES, OF_CELLS, SearchConfig
from cell_search.space.published import WHOLE
from cells.support.errors import UserError, cut
from cells.support.settings_differences import flat, in_words, settings_differences

#: Settings that say where and how to look at a search, and not what is searched.
_FREE = (
    "images.data_dir",
    "trials",
    # What it holds must stay the same, wherever it lies.
    "costs",
    "evaluator.language_model.text",
    "pool",
    "top",
    "report_minutes",
    "weights_dir",
    "rerank",
)


_OF_CELLS = tuple(f".{name}" for name in OF_CELLS)


def require_same(config: SearchConfig, stored: Mapping[str, Any], where: str) -> None:
    """Checks that a search directory may be continued with a configuration.

    More trials than before are allowed, and so is whatever does not touch the results.

    Args:
        config: what is asked for.
        stored: what the directory was made with.
        where: the directory's configuration file.

    Raises:
        UserError: something else differs; names the keys, with both values.
    """
    now = flat(config.as_dict())
    # What the directory's version did not know yet was as it is by default.
    before = flat(SearchConfig().as_dict()) | flat(stored)
    different = settings_differences(
        now, before, free=lambda key: is_free(key) or not _used(key, now)
    )
    trials = before["trials"]
    if not isinstance(trials, int) or now["trials"] < trials:
        different.append(f"trials is {now['trials']}, was {cut(repr(trials))} (it may grow only)")
    if different:
        raise UserError(
            f"{where}: this directory was made by another configuration ({in_words(different)}); "
            "use another search directory, or the old settings"
        )


def used_settings(config: SearchConfig) -> dict[str, Any]:
    """The settings that matter, as `a.b.c: value`.

    Args:
        config: of a search.
    """
    settings = flat(config.as_dict())
    other = ("rerank.", "sieve.")
    used = {k: v for k, v in settings.items() if _used(k, settings) and not k.startswith(other)}
    return used | flat({"sieve": config.sieve.used_values()})


def is_free(key: str) -> bool:
    """Whether a setting says where and how to look at a search, and not what is searched.

    Args:
        key: of the setting, `a.b.c`.
    """
    return any(key == free or key.startswith(f"{free}.") for free in _FREE)


def _used(key: str, settings: Mapping[str, Any]) -> bool:
    """Whether a key matters: the sections of types that are not chosen do not."""
    part, _, rest = key.partition(".")
    found, dot, _ = rest.partition(".")
    if part == "space" and dot:
        return found == settings["space.name"]
    if part == "evaluator" and settings["space.name"] in WHOLE and key.endswith(_OF_CELLS):
        return False
    if key == "pruner.rungs":
        return settings["pruner.type"] != "none"
    return part not in CHOICES or not dot or found == section(settings[f"{part}.type"])
