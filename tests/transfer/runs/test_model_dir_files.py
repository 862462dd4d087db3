"""The files of a model directory that were damaged are told in a sentence."""

from __future__ import annotations

import pathlib
import shutil

import pytest
from damaged_copies import damaged_copy, damages
from hypothesis import given
from hypothesis import strategies as st

from cells.genotype import catalogue
from cells.support.errors import UserError
from transfer.config import configure
from transfer.runs import model_dir


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """What a training writes before its first step."""
    path = tmp_path_factory.mktemp("runs") / "model"
    path.mkdir()
    params = configure.configure(configure.experiment(), genotype=catalogue.load("nasnet_a"))
    model_dir.prepare(str(path), params, ("cat", "dog"))
    return path


def test_a_configuration_that_is_cut_is_not_completed_by_defaults(
    folder: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    copy = pathlib.Path(shutil.copytree(folder, tmp_path / "model"))
    params = copy / "params.yaml"
    whole = model_dir.read_params(str(copy))
    lines = params.read_text().splitlines(keepends=True)
    for kept in (1, len(lines) // 2, len(lines) - 1):
        params.write_text("".join(lines[:kept]))
        with pytest.raises(UserError, match=rf"is cut: {kept - 1} of its {len(lines) - 1} lines"):
            model_dir.read_params(str(copy))
    # A file of an earlier version does not say how long it is.
    params.write_text("".join(lines[1:]))
    assert model_dir.read_params(str(copy)).as_dict() == whole.as_dict()


@damages
@given(st.data())
def test_any_damage_ends_in_a_configuration_or_in_a_sentence(
    folder: pathlib.Path, tmp_path: pathlib.Path, data: st.DataObject
) -> None:
    names = ["params.yaml", "genotype.json", "classes.json"]
    copy = damaged_copy(folder, tmp_path / "copy", names, data)
    try:
        params = model_dir.read_params(str(copy))
        classes = model_dir.class_names(str(copy))
        params.task.model.cells.load_genotype()
    except UserError:
        return
    assert classes
