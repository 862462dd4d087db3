"""JSON from strangers: bounded, no field twice, faults told in one sentence."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Callable
from typing import Any

from cells.support.errors import UserError


def read(path: str | os.PathLike[str], noun: str, most: int, *, usual: str = "") -> bytes:
    """The bytes of a file that cannot be larger than it should be.

    Args:
        path: the file.
        noun: what it holds, such as `genotype`.
        most: bytes that it may have.
        usual: how large such files are, for people.

    Raises:
        UserError: there is no such file, it cannot be read, or it is larger.
    """
    shown = os.fspath(path)
    try:
        with open(pathlib.Path(path).expanduser(), "rb") as file:
            text = file.read(most + 1)
    except FileNotFoundError:
        raise UserError(f"{shown}: there is no such {noun} file") from None
    except OSError as error:
        raise UserError(f"{shown}: cannot be read ({error.strerror})") from None
    if len(text) > most:
        hint = f" ({usual})" if usual else ""
        raise UserError(f"{shown}: larger than {most:,} bytes, so this is no {noun} file{hint}")
    return text


def loads(text: bytes | str, noun: str, parse_constant: Callable[[str], Any] | None = None) -> Any:
    """JSON values.

    Args:
        text: of a file.
        noun: what it holds.
        parse_constant: see `json.loads`.

    Raises:
        UserError: it is not JSON, nested too deeply, or gives a field twice.
    """
    try:
        return json.loads(text, parse_constant=parse_constant, object_pairs_hook=_unique)
    except RecursionError:
        raise UserError(f"not a {noun}: nested too deeply") from None
    except ValueError as error:
        raise UserError(f"not JSON ({error})") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise UserError(f"a field is given two values: {key[:60]!r} is given twice")
        result[key] = value
    return result
