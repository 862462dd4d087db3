"""Arrays by name as the bytes of a `.npz` file."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

#: What reading a damaged file raises.
DAMAGED = (EOFError, KeyError, OSError, TypeError, ValueError, zipfile.BadZipFile, zlib.error)


def to_bytes(arrays: Mapping[str, Any]) -> bytes:
    """The file, for `from_bytes`.

    Args:
        arrays: by name; numbers are arrays too.
    """
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def from_bytes(data: bytes) -> dict[str, np.ndarray]:
    """The arrays by name; one of `DAMAGED` where the file is damaged.

    Args:
        data: the whole file.
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return dict(file)
