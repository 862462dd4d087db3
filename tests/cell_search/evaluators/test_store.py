"""Files that evaluators keep between requests, in a folder and behind a URL."""

from __future__ import annotations

import pathlib
import uuid

import pytest

from cell_search.evaluators._store import Store
from cell_search.study.directory import SearchDirectory
from cells.support.errors import UserError


@pytest.fixture(params=["folder", "file URL", "memory URL"])
def folder(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> str:
    return {
        "folder": str(tmp_path / "a" / "b"),
        "file URL": f"file://{tmp_path}/a/b",
        "memory URL": f"memory://{uuid.uuid4().hex}/b",
    }[request.param]


def test_what_is_kept_comes_back_also_elsewhere(folder: str) -> None:
    store = Store(folder)
    assert store.names() == [] and store.read("one") is None
    store.write("one", b"1")
    store.write("two.npz", bytes(range(256)) * 100)
    store.write("one", b"first")
    other = Store(folder + "/")
    assert other.read("one") == b"first"
    assert other.read("two.npz") == bytes(range(256)) * 100
    assert other.names() == ["one", "two.npz"], "nothing is left beside them"
    other.remove("one")
    other.remove("one")
    assert store.names() == ["two.npz"] and store.read("one") is None


def test_what_fsspec_does_not_know_is_told() -> None:
    with pytest.raises(UserError, match=r"weights_dir: nosuch://x cannot be used \(.*nosuch"):
        Store("nosuch://x")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (str(tmp_path / "file"), f"file://{tmp_path}/file"):
        with pytest.raises(UserError, match=r"file.*: cannot be written \("):
            Store(folder).write("one", b"1")


def test_each_study_has_a_folder_of_its_own(tmp_path: pathlib.Path) -> None:
    """The trials of a re-ranking have the numbers of other trials of the search."""
    directory = SearchDirectory(tmp_path)
    assert directory.weights() == str(tmp_path / "weights" / "search")
    assert directory.weights(study="rerank") == str(tmp_path / "weights" / "rerank")
    assert directory.weights(str(tmp_path / "other")) == str(tmp_path / "other" / "search")
    assert directory.weights("gs://bucket/x/", "rerank") == "gs://bucket/x/rerank"
