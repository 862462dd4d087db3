"""The budget: how it is written, divided and kept."""

from __future__ import annotations

import json

import pytest

from auto.budget import Budget, more, search_of, seconds_of
from cells.support.errors import UserError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1800), ("1h30m", 5400), ("1.5h", 5400), ("90s", 90), ("2d", 172800), (" 2H ", 7200)],
)
def test_times_are_read(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("30", "is not a duration"),
        ("", "is not a duration"),
        ("-5m", "is not a duration"),
        ("5m later", "is not a duration"),
        ("29s", "too short"),
        ("31d", "too long"),
    ],
)
def test_absurd_times_are_refused(text, said):
    with pytest.raises(UserError, match=said) as error:
        seconds_of(text)
    assert str(error.value).startswith("budget: ")


class Clock:
    """Time that passes when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.now = 100.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)


def test_the_rule_gives_training_what_remains(tmp_path, monkeypatch):
    clock = Clock(monkeypatch)
    budget = Budget(1000.0, tmp_path / "seconds.json", search=0.3)
    assert budget.left("search") == pytest.approx(300.0)
    with budget.during("search"):
        clock.now += 250.0
        assert budget.left("search") == pytest.approx(50.0)
    with budget.during("race"):
        clock.now += 120.0
    # What is kept back is known later; what the search left over is the training's own.
    budget.kept_back = 100.0
    assert budget.left("training") == pytest.approx(900.0 - 370.0)


def test_the_first_step_has_the_time_in_which_libraries_are_loaded(tmp_path, monkeypatch):
    clock = Clock(monkeypatch)
    budget = Budget(1000.0, tmp_path / "seconds.json", began=clock.now)
    clock.now += 8.0
    for step in ("images", "race"):
        with budget.during(step):
            clock.now += 2.0
    assert budget.spent == {"images": 10.0, "race": 2.0}


@pytest.mark.parametrize(
    ("minutes", "searched"), [(0.5, 0.0), (10, 0.0), (19.9, 0.0), (20, 3.0), (30, 6.0), (60, 15.0)]
)
def test_three_tenths_of_what_lies_beyond_ten_minutes_are_searched(minutes, searched):
    assert search_of(60.0 * minutes) * minutes == pytest.approx(searched)


@pytest.mark.parametrize(("total", "kept"), [(3600, 180), (480, 40), (120, 30)])
def test_some_time_is_kept_back_but_no_more_than_a_quarter(tmp_path, total, kept):
    assert Budget(total, tmp_path / "seconds.json").left("training") == total - kept


def test_time_is_not_forgotten_by_the_next_run(tmp_path, monkeypatch):
    clock = Clock(monkeypatch)
    with Budget(1000.0, tmp_path / "seconds.json").during("search"):
        clock.now += 40.0
    again = Budget(1000.0, tmp_path / "seconds.json")
    with again.during("search"):
        clock.now += 2.0
        assert again.spent == {"search": pytest.approx(42.0)}
    assert json.loads((tmp_path / "seconds.json").read_text()) == {"search": 42.0}


def test_a_damaged_note_of_the_time_is_told(tmp_path):
    (tmp_path / "seconds.json").write_text("[")
    with pytest.raises(UserError, match="is damaged"):
        Budget(1000.0, tmp_path / "seconds.json")


@pytest.mark.parametrize("cost", [1.0, 7.0, 30.0, 99.0])
def test_rounds_end_within_the_share_by_less_than_one_more(cost):
    done, least, share = 0, 2, 100.0
    while (wanted := more(done, least, cost, share - cost * done)) > done:
        done = wanted
    # Never fewer than must be; else the next one would not fit.
    assert done == max(least, int(share / cost))
