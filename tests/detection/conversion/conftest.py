"""What the tests of conversion share."""

from __future__ import annotations

import pytest

from tests.helpers.annotated import jpeg


@pytest.fixture
def photos(tmp_path):
    """A folder with a.jpg and b.jpg of 40x30 pixels."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed, name in enumerate("ab"):
        (folder / f"{name}.jpg").write_bytes(jpeg(seed=seed))
    return folder
