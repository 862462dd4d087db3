"""What is kept of long comparisons, and goes on with another day's."""

from __future__ import annotations

import json
import pathlib

import pytest

from benchmarks import kept


@pytest.fixture
def runs(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.setattr(kept, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(kept, "RESULTS", tmp_path / "committed")
    return tmp_path / "runs" / "one" / "results.jsonl"


def test_what_is_committed_is_known_on_a_fresh_clone(runs: pathlib.Path) -> None:
    first = kept.Records(runs)
    first.add(["evolution", 0], {"best": 41.5})
    target = kept.commit(runs)
    runs.unlink()
    second = kept.Records(runs)
    assert second.find(["evolution", 0]) == {"best": 41.5}
    assert second.find(["evolution", 1]) is None
    second.add(["evolution", 1], {"best": 40.0})
    kept.commit(runs)
    kept.commit(runs)
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert [line[0] for line in lines] == [["evolution", 0], ["evolution", 1]]


def test_results_of_other_commits_are_told(runs: pathlib.Path) -> None:
    records = kept.Records(runs)
    records.add("new", 1)
    assert records.measured_on() == ""
    kept.write_line(runs, ["old", 2, "abcdef0"])
    # Of what was kept before commits were nothing is known.
    kept.write_line(runs, ["older", 3])
    now = kept.Repository(kept.ROOT).head()[0][:7]
    told = ", ".join(sorted({"abcdef0", now} - {""}))
    again = kept.Records(runs)
    assert again.measured_on() == f"measured on {told}"
    assert [again.find(key) for key in ("new", "old", "older")] == [1, 2, 3]


def test_only_what_lies_below_runs_is_committed(runs: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="is no file below"):
        kept.commit(runs)
    other = runs.parents[2] / "results.jsonl"
    kept.Records(other).add("key", 1)
    with pytest.raises(ValueError, match="is no file below"):
        kept.commit(other)
