"""JSON from strangers: no field twice, finite numbers, whole text; faults told in one sentence."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any, NoReturn

from cells.support.errors import UserError, cut

#: Digits of a whole number; the largest that any format of ours holds has 19.
MAX_DIGITS = 100

#: What may stand for half of a character: JSON can write it, but no UTF-8 file can hold it.
_SURROGATE = re.compile("[\ud800-\udfff]")
_WRITTEN_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def loads(text: bytes | str, noun: str) -> Any:
    """JSON values.

    Args:
        text: of a file; a byte order mark is left out.
        noun: what it holds.

    Raises:
        UserError: it is not JSON, nested too deeply, gives a field twice, holds a number that is
            not finite, or text that no file can hold.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode(json.detect_encoding(text), "surrogatepass")
        text = text.removeprefix("\ufeff")
        values = json.loads(
            text,
            parse_constant=_no_number,
            parse_float=_finite,
            parse_int=_bounded,
            object_pairs_hook=_unique,
        )
    except RecursionError:
        raise UserError(f"not a {noun}: nested too deeply") from None
    except ValueError as error:
        raise UserError(f"not JSON ({error})") from None
    if (not text.isascii() and _SURROGATE.search(text)) or _holds_surrogate(values, text):
        raise UserError(
            "holds half of a character (a lone surrogate, \\ud800 to \\udfff), which no file can "
            "hold; write the whole character"
        )
    return values


def require_version(data: Any, latest: int, noun: str) -> None:
    """Raises a UserError where values are no JSON object, or of a version that is not read.

    Args:
        data: JSON values, from anybody.
        latest: what this version writes; all before it are read.
        noun: what the values are.
    """
    if not isinstance(data, dict):
        raise UserError(f"not a {noun}: the file holds no JSON object")
    version = data.get("format_version")
    if version is None:
        raise UserError(f"format_version: is missing; this version writes {latest}")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise UserError(f"format_version: {cut(repr(version))} is not a version; use {latest}")
    if version > latest:
        raise UserError(
            f"format_version: {version} is later than {latest}, the latest that this version of "
            "transferable-cells reads; update transferable-cells"
        )


def _holds_surrogate(values: Any, text: str) -> bool:
    """Whether half of a pair is left of those that are written as escapes."""
    if not _WRITTEN_SURROGATE.search(text):
        return False
    return bool(_SURROGATE.search(json.dumps(values, ensure_ascii=False)))


def _no_number(name: str) -> NoReturn:
    raise UserError(f"{name[:40]} is not a JSON number; numbers must be finite")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        _no_number(text)
    return value


def _bounded(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise UserError(f"a number of {len(text):,} digits ({text[:20]}...) is too large")
    return int(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise UserError(f"a field is given two values: {twice[:60]!r} is given twice")
    return result
