"""A folder belongs to the program that made it: no other one takes it for its own."""

from __future__ import annotations

import json
import pathlib

import pytest
from folders import write

import auto
import cell_search
import detection
import transfer
from auto.record import Record, Settings
from cells import UserError
from detection.config import experiments
from transfer.config import configure


def trials(genotype):
    return len(genotype.normal.blocks)


def of_search(folder: pathlib.Path) -> None:
    cell_search.search(score=trials, strategy="random", trials=1, directory=folder)


def of_classifier(folder: pathlib.Path) -> None:
    (folder / "params.yaml").write_text(json.dumps(configure.experiment().as_dict()))


def of_detector(folder: pathlib.Path) -> None:
    (folder / "params.yaml").write_text(json.dumps(experiments.cells_retinanet().as_dict()))


def of_auto(folder: pathlib.Path) -> None:
    Record(folder / "auto.json", Settings("photos", "", 30.0, "", 0.0, 32, False, 0)).keep(
        "begun", 1
    )


#: Who makes a folder, and a call that would use it: its argument, and what the sentence says.
MAKERS = {
    "a search": of_search,
    "a classifier": of_classifier,
    "a detector": of_detector,
    "cells auto": of_auto,
}
CALLS = {
    "a search": ("directory", lambda f: cell_search.search(score=trials, trials=1, directory=f)),
    "a classifier": ("model_dir", lambda f: transfer.train(f, genotype="nasnet_a")),
    "a detector": ("model_dir", lambda f: detection.train(f, genotype="nasnet_a")),
    "cells auto": ("output", lambda f: auto.run(f.parent / "photos", f, budget="30s")),
}
LOOKS = {
    "a classifier": ("model_dir", transfer.evaluate),
    "a detector": ("model_dir", detection.evaluate),
}


def content(folder: pathlib.Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("made", MAKERS)
def test_a_folder_of_another_stage_is_refused(made, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    write(tmp_path / "photos", {"red": 10, "green": 10})
    MAKERS[made](folder)
    before = content(folder)
    others = [call for user, call in CALLS.items() if user != made]
    others += [look for user, look in LOOKS.items() if user != made]
    for argument, call in others:
        with pytest.raises(UserError) as error:
            call(folder)
        said = str(error.value)
        assert said.startswith(f"{argument}: {folder} "), said
        if argument != "output":  # That one says that it needs an empty folder.
            assert made.split()[-1] in said
    assert content(folder) == before


def test_a_search_whose_study_lies_in_a_database_is_one(tmp_path):
    (tmp_path / "config.yaml").write_text("strategy: {type: random}\nevaluator: {type: train}\n")
    with pytest.raises(UserError, match=r"the folder of a search, since it holds config\.yaml"):
        transfer.train(tmp_path, genotype="nasnet_a")
