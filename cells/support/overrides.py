"""Model Garden's configurations, overridden from YAML, with errors that people can act on.

The order is Model Garden's: defaults, then each `--config_file`, then `--params_override`.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from cells.support.errors import UserError, nearest, unknown

#: `a.b=1,c=2`; commas inside a value do not end it unless another `key=` follows.
_ASSIGNMENTS = re.compile(r"\s*[\w.]+\s*=")
_NEXT_ASSIGNMENT = re.compile(r",(?=\s*[\w.]+\s*=)")


def override(
    config: Any, files: Iterable[str] = (), text: str | Mapping[str, Any] | None = None
) -> Any:
    """Overrides a configuration in place.

    Args:
        config: a Model Garden `hyperparams.Config`.
        files: YAML files, applied in order.
        text: `--params_override`: YAML or JSON text, `a.b=1,c=2`, or a YAML file; or the settings
            themselves, nested.

    Returns:
        `config`.

    Raises:
        UserError: a file cannot be read, a key does not exist, or a value has another type;
            says where, and the nearest key.
    """
    for file in files:
        apply(config, read_yaml(file), os.fspath(file))
    if isinstance(text, str) and text:
        text = read_yaml(text) if text.endswith((".yaml", ".yml")) else _parse_text(text)
    if text:
        apply(config, text, "--params_override")
    return config


def apply(config: Any, values: Mapping[str, Any], where: str) -> None:
    """Checks `values` against the fields of `config`, then overrides them.

    Where there is a choice by `type`, its name alone is enough: `pool: processes`.
    """
    values = _spelled_out(config, values)
    _check(config, values, where, "")
    try:
        config.override(dict(values), is_strict=True)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{where}: {error.args[0] if error.args else error}") from None


def read_yaml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a YAML file that holds a mapping.

    Raises:
        UserError: it cannot be read, or holds something else.
    """
    import yaml

    shown = os.fspath(path)
    try:
        with open(path, encoding="utf-8") as file:
            values = yaml.load(file, _loader())
    except FileNotFoundError:
        raise UserError(f"{shown}: there is no such configuration file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{shown}: cannot be read ({error})") from None
    except yaml.YAMLError as error:
        raise UserError(f"{shown}: not YAML ({_one_line(error)})") from None
    return _mapping(values, shown)


@functools.cache
def _loader() -> Any:
    """The safe loader, to which `1e-3` and `600e6` are numbers as in YAML 1.2, not text."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
        list("-+0123456789"),
    )
    return Loader


def parse_value(text: str) -> Any:
    """A value as it is written after `key=`.

    Raises:
        yaml.YAMLError: it is not YAML.
    """
    import yaml

    return yaml.load(text, _loader())


def _parse_text(text: str) -> dict[str, Any]:
    import yaml

    try:
        if _ASSIGNMENTS.match(text):
            return _nested(
                (key, parse_value(written))
                for key, written in (pair.split("=", 1) for pair in _NEXT_ASSIGNMENT.split(text))
            )
        values = parse_value(text)
    except yaml.YAMLError as error:
        raise UserError(f"--params_override: not YAML ({_one_line(error)})") from None
    return _mapping(values, "--params_override")


def _nested(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        *path, last = key.strip().split(".")
        at = values
        for name in path:
            at = at.setdefault(name, {})
            if not isinstance(at, dict):
                raise UserError(f"--params_override: {key}: {name} is set to a value already")
        at[last] = value
    return values


def _mapping(values: Any, where: str) -> dict[str, Any]:
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise UserError(f"{where}: must hold `key: value` lines, not {str(values)[:60]!r}")
    return values


def _spelled_out(config: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    known = fields(config)
    return {
        key: {"type": value}
        if isinstance(value, str) and _is_mapping(known.get(key)) and "type" in fields(known[key])
        else value
        for key, value in values.items()
    }


def _check(config: Any, values: Mapping[str, Any], where: str, path: str) -> None:
    known = fields(config)
    for key, value in values.items():
        at = f"{path}.{key}" if path else str(key)
        if key not in known:
            raise UserError(
                f"{where}: {at}: there is no such key; {nearest(key, known)}"
                f"{path or 'the top level'} has {', '.join(map(str, known))}"
            )
        present = known[key]
        if _is_mapping(present):
            if not isinstance(value, dict):
                raise UserError(f"{where}: {at}: {str(value)[:60]!r} is no mapping")
            # An empty mapping takes any key (free-form arguments).
            if fields(present):
                _check(present, value, where, at)
        elif key == "type" and _is_one_of(config):
            kinds = [name for name in known if name != "type"]
            if value is not None and value not in kinds:
                raise unknown(f"{where}: {at}", value, kinds)
        elif not _fits(present, value):
            raise UserError(
                f"{where}: {at}: {str(value)[:60]!r} is no {_kind(present)} "
                f"(the default is {present!r})"
            )


def fields(config: Any) -> dict[str, Any]:
    """All fields of a configuration; `as_dict` leaves out what a one-of has not chosen."""
    if isinstance(config, dict):
        return config
    return {key: value for key, value in vars(config).items() if not key.startswith("_")}


def _is_mapping(value: Any) -> bool:
    from official.modeling import hyperparams

    return isinstance(value, dict | hyperparams.ParamsDict)


def _is_one_of(config: Any) -> bool:
    from official.modeling import hyperparams

    return isinstance(config, hyperparams.OneOfConfig)


def _fits(present: Any, value: Any) -> bool:
    if present is None or value is None:
        return True
    if isinstance(present, bool) or isinstance(value, bool):
        return isinstance(present, bool) and isinstance(value, bool)
    if isinstance(present, int | float):
        return isinstance(value, int | float)
    if isinstance(present, list | tuple):
        return isinstance(value, list | tuple)
    return isinstance(value, type(present))


def _kind(present: Any) -> str:
    names = {bool: "truth value", int: "number", float: "number", str: "text"}
    return names.get(type(present), "list")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
