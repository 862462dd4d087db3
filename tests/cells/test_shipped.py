"""Configurations and pages that come with the code, by name."""

from __future__ import annotations

import argparse
import pathlib
import re

import pytest

from cells import shipped
from cells.commands import listing
from cells.support.errors import UserError

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("given", "stage", "file"),
    [
        ("configs/search/digits_demo.yaml", "search", "search/digits_demo.yaml"),
        ("configs/search/digits_demo.yaml", "transfer", "search/digits_demo.yaml"),
        ("digits_demo", "search", "search/digits_demo.yaml"),
        ("digits_demo.yaml", "search", "search/digits_demo.yaml"),
        # One name, a file of each of two stages.
        ("cifar10_smoke", "search", "search/cifar10_smoke.yaml"),
        ("cifar10_smoke", "transfer", "transfer/cifar10_smoke.yaml"),
        ("tpu", "transfer", "runtime/tpu.yaml"),
        ("tpu", "detection", "runtime/tpu.yaml"),
        ("ray", "search", "cluster/ray.yaml"),
    ],
)
def test_configurations_are_found_from_anywhere(given, stage, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = pathlib.Path(shipped.configuration(given, stage))
    assert found.read_bytes() == (ROOT / "configs" / file).read_bytes()


@pytest.mark.parametrize("given", ["digits_demo", "digits_demo.yaml", "configs/search/mine.yaml"])
def test_a_file_of_ones_own_goes_first(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / given
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text("trials: 3\n", encoding="utf-8")
    assert pathlib.Path(shipped.configuration(given, "search")).samefile(own)


def test_a_folder_of_that_name_is_no_configuration(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits_demo").mkdir()
    assert pathlib.Path(shipped.configuration("digits_demo", "search")).is_file()


@pytest.mark.parametrize("given", ["digit_demo", "configs/search/digit_demo.yaml", "digits"])
def test_unknown_names_are_refused_with_those_that_there_are(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as refused:
        shipped.configuration(given, "search")
    sentence = str(refused.value)
    assert sentence.startswith(f"{given}: there is no such configuration file; ")
    assert "did you mean 'digits_demo'" in sentence
    files = [*(ROOT / "configs/search").iterdir(), ROOT / "configs/cluster/ray.yaml"]
    assert {file.stem for file in files} <= set(sentence.replace(",", "").split())


def test_all_pages_are_there():
    assert shipped.pages().keys() == {file.stem for file in (ROOT / "docs").glob("*.md")}
    assert shipped.page("search") == (ROOT / "docs/search.md").read_text(encoding="utf-8")
    with pytest.raises(UserError, match="unknown page 'serach'; did you mean 'search'"):
        shipped.page("serach")


def test_the_command_lists_pages_by_their_titles_and_prints_one():
    listed = list(listing.docs(argparse.Namespace(page=None)))
    assert len(listed) == len(shipped.pages())
    assert "search         Searching cells" in listed
    (page,) = listing.docs(argparse.Namespace(page="data"))
    assert page.startswith("# Images\n")


@pytest.mark.parametrize("stage", ["cells", "cell_search", "transfer", "detection"])
def test_help_names_pages_that_are_there_and_no_file_of_a_clone(stage):
    text = (ROOT / stage / "cli.py").read_text(encoding="utf-8")
    named = re.findall(r"`cells docs (\w+)`", text)
    assert set(named) <= shipped.pages().keys()
    assert named or stage == "cells"
    assert not re.findall(r"docs/\w+\.md", text)
