"""The keys of all settings, of the classes that hold them; `make keys` writes them to a file.

python tests/helpers/known_keys.py
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterable
from typing import Any

from official.core import exp_factory
from official.modeling import hyperparams

from cell_search.config.schema import SearchConfig
from cells import shipped
from cells.support import overrides
from detection.config import experiments as detectors
from transfer.config import experiments as classifiers
from transfer.config.configure import EXPERIMENT

#: Libraries whose classes or arguments are settings.
LIBRARIES = ("optuna", "tf-models-official")


def known_keys() -> dict[str, Any]:
    """What `cells/keys.json` holds."""
    return {
        "versions": {name: importlib.metadata.version(name) for name in LIBRARIES},
        "search": _keys(SearchConfig()),
        "transfer": _of_experiments(classifiers.NAMES),
        "detection": _of_experiments(detectors.NAMES),
    }


def _of_experiments(names: Iterable[str]) -> dict[str, Any]:
    keys: dict[str, Any] = {EXPERIMENT: None}
    for name in names:
        _add(keys, _keys(exp_factory.get_exp_config(name)))
    return keys


def _keys(config: Any) -> dict[str, Any]:
    """Of sections that are not there, or take any key, nothing is known."""
    return {
        key: (_keys(value) or None) if isinstance(value, dict | hyperparams.ParamsDict) else None
        for key, value in overrides.fields(config).items()
    }


def _add(keys: dict[str, Any], more: dict[str, Any]) -> None:
    for key, inner in more.items():
        if key in keys and (keys[key] is None or inner is None):
            keys[key] = None  # One experiment has a section where another has none.
        elif key in keys:
            _add(keys[key], inner)
        else:
            keys[key] = inner


if __name__ == "__main__":
    shipped.KEYS.write_text(
        json.dumps(known_keys(), separators=(",", ":")) + "\n", encoding="utf-8"
    )
