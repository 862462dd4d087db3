"""Folders one file of which is damaged anywhere, for tests of what reads them."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Sequence

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

#: Each example makes its copy anew, so they may share `tmp_path`.
damages = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def damaged_copy(
    folder: pathlib.Path, copy: pathlib.Path, names: Sequence[str], data: st.DataObject
) -> pathlib.Path:
    """Copies a folder, and puts some bytes in the place of others in one of its files.

    Args:
        folder: what is copied.
        copy: the path of the copy; what lies there is removed.
        names: the files of which one is damaged.
        data: draws the file, the place and the bytes.

    Returns:
        `copy`.
    """
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    file = copy / data.draw(st.sampled_from(names))
    content = file.read_bytes()
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 200)))
    file.write_bytes(content[:start] + data.draw(st.binary(max_size=20)) + content[end:])
    return copy
