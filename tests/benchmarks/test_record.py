"""The search of record: its lists of images, its arms, and how a clone goes on."""

from __future__ import annotations

import itertools
import json
import math
import pathlib
import sys
import time

import pytest

import cell_search
from benchmarks import quiet
from benchmarks.record import lists, packed
from benchmarks.record.runs import ARMS, CONFIG, Record, Work
from cell_search.config import read, schema
from cells.support.errors import UserError

ROOT = pathlib.Path(__file__).parents[2]


def test_the_lists_are_those_that_are_committed_and_disjoint() -> None:
    for one, other in itertools.combinations(lists.PARTS, 2):
        assert not set(lists.numbers(one)) & set(lists.numbers(other))
    for part, digest in lists.DIGESTS.items():
        chosen = lists.numbers(part)
        assert chosen.min() >= 0 and chosen.max() < 50_000
        assert lists.digest(chosen) == digest
    assert lists.DIGESTS.keys() == lists.PARTS.keys()
    assert lists.split("weights") == "train[20000:35000]"


def values_of(arm: str) -> dict:
    record = Record()
    wanted = read.read(str(ROOT / CONFIG), {}, record.settings(arm, 40))
    return schema.used_values(wanted)


def test_the_arms_differ_in_the_strategy_alone() -> None:
    search, random = (values_of(arm) for arm in ("search", "random"))
    assert list(ARMS) == ["search", "random"]
    strategies = [values.pop("strategy") for values in (search, random)]
    assert search == random
    assert [s["type"] for s in strategies] == ["bayesian", "random"]
    assert strategies[0]["first"] == strategies[1]["first"] == ["hand_written"]


def test_the_search_sees_its_own_images_and_none_that_test() -> None:
    images = values_of("search")["images"]
    assert images["split"] == lists.split("search")
    rerank = values_of("search")["rerank"]["images"]
    for part in (images, {**images, **rerank}):
        assert part["training"] + part["held_out"] <= len(lists.numbers("search"))


SMALL = """
space: {name: nasnet_joined}
strategy:
  type: bayesian
  bayesian: {initial: 3}
  first: [hand_written]
evaluator: {type: parameters, parameters: {normal_cells: 1, filters: 4}}
settings: {filters: [4, 6]}
images: {name: digits, data_dir: DIR}
top: 2
report_minutes: 0
"""


@pytest.fixture
def small(
    tmp_path: pathlib.Path, digits_dir: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> Record:
    """A record whose candidates have their numbers of weights as scores."""
    # Who measures on this machine meanwhile does not hold it up.
    monkeypatch.setattr(quiet.asked_for, "__defaults__", (tmp_path / "lock",))
    config = tmp_path / "small.yaml"
    config.write_text(SMALL.replace("DIR", str(digits_dir)))
    return Record(ROOT, tmp_path / "runs", tmp_path / "data", config, turn=4)


def go_on(record: Record, arm: str, trials: int) -> list:
    """The trials of an arm, in this process."""
    found = cell_search.search(
        str(record.config),
        params_override=record.settings(arm, trials),
        directory=record.directory(arm),
    )
    return [(t.params, t.values, t.user_attrs.get("first")) for t in found.study.trials]


def test_a_clone_goes_on_with_the_same_trials(small: Record, tmp_path: pathlib.Path) -> None:
    go_on(small, "search", 5)
    small.pack()
    committed = small.files("search")[""].read_text().splitlines()
    clone = Record(ROOT, tmp_path / "clone", small.data, small.config)
    clone.unpack()
    assert clone.finished("search") == 5 and clone.finished("random") == 0
    whole = go_on(small, "search", 8)
    assert go_on(clone, "search", 8) == whole
    assert whole[0][2] == "hand_written"
    # What is committed grows by lines, of which the first says what was asked for.
    small.pack()
    assert small.files("search")[""].read_text().splitlines()[1:6] == committed[1:]


def test_what_was_trained_again_is_committed_too(small: Record, tmp_path: pathlib.Path) -> None:
    go_on(small, "search", 5)
    longer = {"rerank": {"top_k": 2, "evaluator": {"parameters": {"filters": 8}}}}
    cell_search.rerank(small.directory("search"), settings=longer)
    small.pack()
    clone = Record(ROOT, tmp_path / "clone", small.data, small.config)
    clone.unpack()
    again = [r.study("search", "rerank").get_trials() for r in (small, clone)]
    assert len(again[0]) == 2
    assert [[(t.params, t.values) for t in trials] for trials in again] == [
        [(t.params, t.values) for t in again[0]]
    ] * 2


def test_what_is_here_and_longer_stays_and_another_search_is_refused(
    small: Record, tmp_path: pathlib.Path
) -> None:
    go_on(small, "search", 4)
    small.pack()
    longer = go_on(small, "search", 6)
    small.unpack()
    assert go_on(small, "search", 6) == longer
    other = Record(ROOT, tmp_path / "other", small.data, small.config, changes="seed=5")
    go_on(other, "search", 6)
    with pytest.raises(UserError, match=r"trial 1 is another than in .*search\.jsonl"):
        other.unpack()


def test_a_damaged_file_is_told(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "search.jsonl"
    path.write_text('{"format_version": 1, "decis')
    with pytest.raises(UserError, match=r"search\.jsonl: is damaged"):
        packed.read(path)


def test_whoever_has_fewer_trials_has_the_next_turn(small: Record) -> None:
    go_on(small, "search", 4)
    small.take_turn(list(ARMS), math.inf)
    assert [small.finished(arm) for arm in ARMS] == [4, 4]
    small.pack()
    (turn,) = map(json.loads, (small.data / "turns.jsonl").read_text().splitlines())
    assert (turn["arm"], turn["trials"]) == ("random", [0, 4])
    assert turn["processor_seconds"] > 0.0
    params = [small.study(arm).trials[0].params for arm in ARMS]
    assert params[0] == params[1], "both begin with the cells that are known"


def test_it_stands_still_while_somebody_measures(tmp_path: pathlib.Path) -> None:
    pid, seen = tmp_path / "pid", []
    program = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(3)"

    def asked() -> bool:
        """Until the program has been seen stopped."""
        if seen or not pid.exists() or not pid.read_text():
            return False
        state = pathlib.Path(f"/proc/{pid.read_text()}/stat").read_text().rsplit(")", 1)[1]
        if state.split()[0] == "T":
            seen.append("T")
        return not seen

    work = Work()
    work.run([sys.executable, "-c", program], ROOT, time.monotonic() + 60, asked)
    assert seen == ["T"]
    assert 0.0 < work.paused < 60.0


def test_the_lock_is_seen_and_given_back(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "lock"
    assert not quiet.asked_for(path)
    with quiet.held(path), quiet.held(path):
        assert quiet.asked_for(path)
    assert not quiet.asked_for(path)
