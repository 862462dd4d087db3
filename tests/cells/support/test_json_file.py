"""JSON from strangers: what takes time or memory beyond measure is refused quickly."""

from __future__ import annotations

import pytest

from cells.support import json_file
from cells.support.errors import UserError


def test_many_fields_of_which_one_is_given_twice():
    """Hours where each field is compared with all before it."""
    fields = ",".join(f'"{i}":0' for i in [*range(200_000), 199_999])
    with pytest.raises(UserError, match="'199999' is given twice"):
        json_file.loads(f"{{{fields}}}", "file")
