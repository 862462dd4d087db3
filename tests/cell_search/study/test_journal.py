"""The journal waits for the disk when a trial begins and when it has its result, and no oftener."""

from __future__ import annotations

import json
import os
import pathlib

import numpy as np
import pytest
from optuna.trial import TrialState

from cell_search.evaluators import Result
from cell_search.space import published
from cell_search.study import trials
from cell_search.study.directory import SearchDirectory


def test_a_trial_waits_twice_for_the_disk(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
    directory, space = SearchDirectory(tmp_path), published.find("darts")
    study = directory.open_study()
    waited: list[dict] = []

    def fsync(file: int) -> None:
        waited.append(json.loads(directory.journal.read_text().splitlines()[-1]))

    monkeypatch.setattr(os, "fsync", fsync)
    trials.begin(study, space, space.random(np.random.default_rng(0)), after=0)
    assert [record.get("state") for record in waited] == [TrialState.RUNNING]
    trials.finish(study, 0, Result(0.5, {"valid": 0.5}, 1.0), order=0)
    assert [record["values"] for record in waited] == [None, [0.5]]
    trials.begin(study, space, space.random(np.random.default_rng(1)), after=1)
    trials.finish(study, 1, Result(None, {}, 1.0, "no memory"), order=1)
    assert len(waited) == 4
