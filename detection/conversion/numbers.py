"""Numbers of annotation files: what is one, and what can lie in an image."""

from __future__ import annotations

import math
import re
from typing import Any

from cells.support.errors import UserError, cut

#: No corner or side of a box is farther from its image's corner: larger numbers are faults of
#: programs, and overflow where sides become areas and pixels whole numbers of 32 bits.
MOST_PIXELS = 2**31

#: Model Garden keeps numbers of images as 64 bits, but not all that reads COCO's files does.
MOST_ID = 2**53

#: Python's own reading also takes `nan`, `1_0` and digits of other scripts.
_WRITTEN = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")


def written(text: str, most: float = MOST_PIXELS) -> float | None:
    """The number that a text is, from -`most` to `most`; None for any other text."""
    if len(text) > 400 or not _WRITTEN.fullmatch(text):
        return None
    number = float(text)
    return number if abs(number) <= most else None


def whole(value: Any, at: str) -> int:
    """A JSON value that is a whole number from 0; `296.0` is one, as some tools write it.

    Raises:
        UserError: it is none; `at` says where it stands.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if is_number(value) and isinstance(value, int) and 0 <= value < MOST_ID:
        return value
    raise UserError(f"{at}: {shown(value)} is not a whole number from 0 to {MOST_ID - 1:,}")


def is_number(value: Any) -> bool:
    """Whether a JSON value is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) or math.isfinite(value)


def is_in_reach(value: Any, most: float = MOST_PIXELS) -> bool:
    """Whether a JSON value is a number from -`most` to `most`."""
    return is_number(value) and -most <= value <= most


def shown(value: Any) -> str:
    """A JSON value as a sentence can hold it."""
    if isinstance(value, str):
        return f"the text {cut(value, 40)!r}"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        inside = ["a list" if isinstance(entry, list) else shown(entry) for entry in value[:8]]
        return f"[{', '.join(inside)}{', ...' if len(value) > 8 else ''}]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int) and value.bit_length() > 128:
        return "a number of many digits"
    return cut(str(value), 40)
