"""Rows are stale where what they depend on changed: not where walls or words moved."""

from __future__ import annotations

import pathlib

import pytest
from small_project import TABLE, Project, make

from benchmarks.recording import check, measure


@pytest.fixture
def project(tmp_path: pathlib.Path) -> Project:
    project = make(tmp_path / "project")
    measure.measure(project.root, TABLE, "01-tiny")
    project.commit("What was measured")
    return project


def stale(project: Project) -> dict[str, tuple[int, str]]:
    found = check.check(project.root, TABLE)
    assert found.wrong == []
    return found.stale


def test_what_is_computed_otherwise_is_stale(project):
    project.change("arithmetic/sums.py", "2 * x", "x + x")
    assert stale(project) == {"01-tiny": (2, "arithmetic.sums: double")}
    project.commit("Another sum")
    assert stale(project) == {"01-tiny": (2, "arithmetic.sums: double")}


def test_the_benchmark_itself_counts(project):
    project.change("benchmarks/tiny.py", "sums.double(2)", "sums.double(3) - 2")
    assert set(stale(project)) == {"01-tiny"}


def test_what_the_benchmark_does_not_import_does_not_count(project):
    project.change("arithmetic/other.py", "x / 2", "x * 0.5")
    assert stale(project) == {}


def test_words_do_not_count(project):
    project.change("arithmetic/sums.py", '"""Twice as much."""', '"""The double."""  # Of x.')
    project.change("arithmetic/sums.py", '"""Sums."""', '"""All sums."""')
    project.change("arithmetic/sums.py", '"negative"', '"x is below zero; give another"')
    assert stale(project) == {}


def test_a_program_of_before_as_the_wrong_one_does_not_count(project):
    project.change("benchmarks/tiny.py", "nothing doubled", "the program of before")
    assert stale(project) == {}


@pytest.mark.parametrize(
    ("imported", "called"),
    [
        ("from arithmetic.rooms import doubling", "doubling.double"),
        ("from arithmetic.rooms.doubling import double", "double"),
        ("from arithmetic.rooms.doubling import double as twice", "twice"),
        ("import arithmetic.rooms.doubling", "arithmetic.rooms.doubling.double"),
        ("import arithmetic.rooms.doubling as d", "d.double"),
        # Through the door of a folder.
        ("from arithmetic import rooms", "rooms.double"),
    ],
)
def test_walls_do_not_count(project, imported, called):
    (project.root / "arithmetic/rooms").mkdir()
    project.git("mv", "arithmetic/sums.py", "arithmetic/rooms/doubling.py")
    project.put(
        "arithmetic/rooms/__init__.py", 'from .doubling import double\n__all__ = ["double"]'
    )
    project.change("benchmarks/tiny.py", "from arithmetic import sums", imported)
    project.change("benchmarks/tiny.py", "sums.double", called)
    assert stale(project) == {}
    project.commit("Rooms")
    assert stale(project) == {}
    project.change("arithmetic/rooms/doubling.py", "2 * x", "x + x")
    assert stale(project) == {"01-tiny": (2, "arithmetic.sums: double")}


def test_what_stands_elsewhere_has_moved(project):
    """Also where the benchmark does not reach it any more, having stopped to import its module."""
    project.put("arithmetic/sums.py", "from .doubling import double\n")
    project.put(
        "arithmetic/doubling.py", "def double(x):\n    if x < 0:\n        raise ValueError\n"
    )
    assert set(stale(project)) == {"01-tiny"}
    project.put(
        "arithmetic/doubling.py",
        """
        def double(x):
            if x < 0:
                raise ValueError("no")
            return 2 * x
        """,
    )
    assert stale(project) == {}
    project.put("arithmetic/__init__.py", "from arithmetic import other\n")
    assert stale(project) == {}


def test_settings_that_the_command_names_count_by_their_content(project):
    project.change("tiny.yaml", "# Two.", "# The factor, which is two.")
    assert stale(project) == {}
    project.change("tiny.yaml", "factor: 2", "factor: 3")
    assert stale(project) == {"01-tiny": (2, "tiny.yaml")}
