"""Model Garden's configurations, overridden from YAML, with errors that people can act on.

The order is Model Garden's: defaults, then each `--config_file`, then `--params_override`.
"""

from __future__ import annotations

import os
import re
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from cells.support import settings, yaml_file
from cells.support.errors import UserError, about, cut, nearest, require_known
from cells.support.settings import Bounds

#: `a.b=1,c=2`; commas inside a value do not end it unless another `key=` follows.
_ASSIGNMENTS = re.compile(r"\s*[\w.]+\s*=")
_NEXT_ASSIGNMENT = re.compile(r",(?=\s*[\w.]+\s*=)")


_NO_RANGES: Mapping[str, Bounds] = {}


def override(
    config: Any,
    files: Iterable[str] = (),
    text: str | Mapping[str, Any] | None = None,
    ranges: Mapping[str, Bounds] = _NO_RANGES,
) -> Any:
    """Overrides a configuration in place.

    Args:
        config: a Model Garden `hyperparams.Config`.
        files: YAML files, applied in order.
        text: `--params_override`: YAML or JSON text, `a.b=1,c=2`, or a YAML file; or the settings
            themselves, nested.
        ranges: see `apply`.

    Returns:
        `config`.

    Raises:
        UserError: a file cannot be read, a key does not exist, or a value has another type;
            says where, and the nearest key.
    """
    for file in files:
        apply(config, read_yaml(file), os.fspath(file), ranges)
    if values := given(text):
        apply(config, values, "--params_override", ranges)
    return config


def given(text: str | Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The settings that an override gives, nested.

    Args:
        text: as `override` takes it.

    Raises:
        UserError: it cannot be read.
    """
    if not text:
        return {}
    return parsed(text) if isinstance(text, str) else text


def apply(
    config: Any,
    values: Mapping[str, Any],
    where: str,
    ranges: Mapping[str, Bounds] = _NO_RANGES,
) -> None:
    """Checks `values` against the fields of `config`, then overrides them.

    Where there is a choice by `type`, its name alone is enough: `pool: processes`.

    Args:
        config: the configuration.
        values: by key, nested.
        where: they come from, as errors call it.
        ranges: bounds of fields that have none of their own (`cells.support.settings`), by
            `SECTION.KEY` or by `KEY`.

    Raises:
        UserError: a key does not exist, or a value has another type or is out of bounds.
    """
    checked = _checked(config, _spelled_out(config, values), f"{where}: ", "", ranges)
    try:
        config.override(checked, is_strict=True)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{where}: {error.args[0] if error.args else error}") from None


def check(config: Any, ranges: Mapping[str, Bounds] = _NO_RANGES) -> None:
    """Checks a configuration that a program has made as `apply` checks values.

    Raises:
        UserError: a value has another type or is out of bounds.
    """
    _checked(config, config.as_dict(), "", "", ranges)


def read_yaml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a YAML file that holds a mapping, or nothing.

    Args:
        path: of the file.

    Raises:
        UserError: it cannot be read, or holds something else.
    """
    return _mapping(yaml_file.read(path), os.fspath(path))


def parsed(text: str) -> dict[str, Any]:
    """The settings of `--params_override`, nested; whether there are such keys is not looked at.

    Args:
        text: as `override` takes it.

    Raises:
        UserError: it cannot be read, or a key is given twice.
    """
    if text.endswith((".yaml", ".yml")):
        return read_yaml(text)
    with about("--params_override"):
        if _ASSIGNMENTS.match(text):
            return nested(
                (key, yaml_file.loads(written))
                for key, written in (pair.split("=", 1) for pair in _NEXT_ASSIGNMENT.split(text))
            )
        values = yaml_file.loads(text)
    return _mapping(values, "--params_override")


def nested(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Settings as a file has them, from `a.b.c` and value.

    Args:
        pairs: keys and values.

    Raises:
        UserError: a key is there twice, or leads into a value.
    """
    values: dict[str, Any] = {}
    for key, value in pairs:
        *path, last = key.strip().split(".")
        at = values
        for name in path:
            at = at.setdefault(name, {})
            if not isinstance(at, dict):
                raise UserError(f"{cut(key)}: {cut(name)} is set to a value already")
        if last in at:
            raise UserError(f"the key {cut(key.strip())!r} is given twice")
        at[last] = value
    return values


def _mapping(values: Any, where: str) -> dict[str, Any]:
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise UserError(f"{where}: must hold `key: value` lines, not {str(values)[:60]!r}")
    return values


def require_keys(values: Mapping[str, Any], known: Mapping[str, Any], where: str) -> None:
    """Raises a UserError, as `apply` does, where settings have a key that does not exist.

    Args:
        values: by key, nested.
        known: the keys of each section, nested; of those of None nothing is known.
        where: as `apply` takes it.
    """
    _require_keys(values, known, f"{where}: ", "")


def _require_keys(
    values: Mapping[str, Any], known: Mapping[str, Any], where: str, path: str
) -> None:
    for key, value in values.items():
        if key not in known:
            raise _no_such_key(key, known, where, path)
        if isinstance(value, Mapping) and known[key] is not None:
            _require_keys(value, known[key], where, f"{path}.{key}" if path else key)


def _no_such_key(key: Any, known: Iterable[Any], where: str, path: str) -> UserError:
    at = f"{path}.{key}" if path else str(key)
    return UserError(
        f"{where}{cut(at)}: there is no such key; {nearest(cut(str(key)), known)}"
        f"{path or 'the top level'} has {cut(', '.join(map(str, known)), 500)}"
    )


def _spelled_out(config: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    known = fields(config)
    return {
        key: {"type": value}
        if isinstance(value, str) and _is_mapping(known.get(key)) and "type" in fields(known[key])
        else value
        for key, value in values.items()
    }


def _checked(
    config: Any, values: Mapping[str, Any], where: str, path: str, ranges: Mapping[str, Bounds]
) -> dict[str, Any]:
    """The values as the fields hold them: 1e3 is a whole number where one is due."""
    known = fields(config)
    checked: dict[str, Any] = {}
    for key, value in values.items():
        at = f"{path}.{key}" if path else str(key)
        if key not in known:
            raise _no_such_key(key, known, where, path)
        present = known[key]
        inner = _section(config, key, present, value)
        if inner is not None:
            if not isinstance(value, dict):
                raise UserError(f"{where}{at}: {_shown(value)} is not a mapping")
            # An empty mapping takes any key (free-form arguments).
            value = _checked(inner, value, where, at, ranges) if fields(inner) else value
        elif key == "type" and _is_one_of(config):
            if value is not None:
                require_type(config, value, f"{where}{at}")
        else:
            value = _value(config, key, present, value, f"{where}{at}", ranges)
        checked[key] = value
    return checked


def require_type(one_of: Any, kind: Any, where: str) -> None:
    """Raises a UserError where a choice by `type` has no such type.

    Args:
        one_of: the choice.
        kind: the type.
        where: it stands, as errors call it.
    """
    require_known(where, kind, [name for name in fields(one_of) if name != "type"])


def _section(config: Any, key: str, present: Any, value: Any) -> Any:
    """The section that a value is for, made where it is not there yet; None: it is for none."""
    annotated = settings.type_of(type(config), key, present)
    optional = value is None and type(None) in typing.get_args(annotated)
    if _is_mapping(present) and not optional:
        return present
    if not isinstance(value, dict):
        return None
    for kind in (annotated, *typing.get_args(annotated)):
        if isinstance(kind, type) and _is_mapping_class(kind):
            return kind()
    return None


def _value(
    config: Any, key: str, present: Any, value: Any, at: str, ranges: Mapping[str, Bounds]
) -> Any:
    value, expected = settings.fit(settings.type_of(type(config), key, present), value)
    if expected:
        hint = "; put it in quotes" if expected == "text" and value is not None else ""
        raise UserError(
            f"{at}: {_shown(value)} is not a {expected}{hint} (the default is {cut(repr(present))})"
        )
    parent = at.split(".")[-2] if "." in at else ""
    bounds = settings.bounds_of(type(config), key)
    if bounds == Bounds():
        bounds = ranges.get(f"{parent}.{key}", ranges.get(key, bounds))
    if fault := bounds.fault(value):
        raise UserError(f"{at}: {fault}")
    return value


def _shown(value: Any) -> str:
    return "null" if value is None else repr(cut(str(value)))


def fields(config: Any) -> dict[str, Any]:
    """All fields of a configuration; `as_dict` leaves out what a one-of has not chosen.

    Args:
        config: the settings of the stack.
    """
    if isinstance(config, dict):
        return config
    return {key: value for key, value in vars(config).items() if not key.startswith("_")}


def _is_mapping(value: Any) -> bool:
    from official.modeling import hyperparams

    return isinstance(value, dict | hyperparams.ParamsDict)


def _is_mapping_class(kind: type) -> bool:
    from official.modeling import hyperparams

    return issubclass(kind, hyperparams.ParamsDict)


def _is_one_of(config: Any) -> bool:
    from official.modeling import hyperparams

    return isinstance(config, hyperparams.OneOfConfig)
