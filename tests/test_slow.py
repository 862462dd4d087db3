"""What `make test-quick` leaves out is there."""

from __future__ import annotations

import pathlib

import pytest

TESTS = pathlib.Path(__file__).parent
LINES = (TESTS / "slow.txt").read_text(encoding="utf-8").split()


@pytest.mark.parametrize("line", LINES)
def test_what_is_slow_is_there(line):
    """A test that was renamed would run with the quick ones again, unseen."""
    assert LINES.count(line) == 1
    file, *names = line.split("::")
    text = (TESTS.parent / file).read_text(encoding="utf-8")
    kinds = ["class"] * (len(names) - 1) + ["def"] * min(len(names), 1)
    assert all(f"{kind} {name}" in text for kind, name in zip(kinds, names, strict=True))


def test_marks_are_those_of_the_list(request):
    """Of the tests of this run."""
    for item in request.session.items:
        file, test = item.nodeid.partition("::")[0], item.nodeid.partition("[")[0]
        slow = item.get_closest_marker("slow") is not None
        assert slow == (file in LINES or test in LINES), item.nodeid
