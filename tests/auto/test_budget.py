"""The budget: how it is written, divided and kept."""

from __future__ import annotations

import json

import pytest

from auto import training_step
from auto.budget import Budget, choice_of, more, seconds_of
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
    budget = Budget(1000.0, tmp_path / "seconds.json", choice=0.5)
    assert budget.left("search") == pytest.approx(300.0)
    with budget.during("search"):
        clock.now += 250.0
        assert budget.left("search") == pytest.approx(50.0)
    with budget.during("rerank"):
        clock.now += 220.0
    assert budget.left("rerank") == pytest.approx(-20.0)
    # 100 s are kept back; what the search left over and the re-ranking took too much are its own.
    assert budget.left("training") == pytest.approx(900.0 - 470.0)


@pytest.mark.parametrize(
    ("minutes", "chosen"), [(0.5, 0.0), (10, 0.0), (15.9, 0.0), (16, 3.0), (30, 10.0), (60, 25.0)]
)
def test_half_of_what_lies_beyond_ten_minutes_goes_for_the_choice(minutes, chosen):
    assert choice_of(60.0 * minutes) * minutes == pytest.approx(chosen)


@pytest.mark.parametrize(("total", "kept"), [(3600, 360), (360, 60), (120, 30)])
def test_a_minute_is_kept_back_at_least_but_no_more_than_a_quarter(tmp_path, total, kept):
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


def rounds(
    monkeypatch, seconds: float, steps: int, left: float
) -> tuple[training_step.Pace, Clock]:
    """A training whose building takes 10 s, and each step so long, until it is stopped or over."""
    clock = Clock(monkeypatch)
    end = clock.now + left
    watched = training_step.Pace(lambda: end - clock.now, steps, late=4.0, early=10.0)
    clock.now += 10.0
    for step in range(5, steps + 1, 5):
        clock.now += 5 * seconds
        if watched.enough(step):
            break
    return watched, clock


def test_a_training_in_time_is_let_alone(monkeypatch):
    watched, _ = rounds(monkeypatch, seconds=0.1, steps=880, left=100.0)
    assert watched.step == 880


@pytest.mark.parametrize("seconds", [0.01, 0.5])
def test_a_training_that_would_miss_its_end_is_seen_early(monkeypatch, seconds):
    watched, clock = rounds(monkeypatch, seconds=seconds, steps=880, left=100.0)
    assert watched.step <= 5 + 880 / 2, "half of what is behind the first loop"
    assert watched.seconds == pytest.approx(seconds)
    assert watched.startup == pytest.approx(10.0 + 5 * seconds)
    assert clock.now - 100.0 <= 25.0, "startup, as long of looking at it, and a loop"


@pytest.mark.parametrize(("looks", "known"), [(1, 10.0), (4, 40.0)])
def test_a_training_that_goes_on_is_not_judged_by_its_first_loops(monkeypatch, looks, known):
    clock = Clock(monkeypatch)
    began = clock.now + 10.0
    watched = training_step.Pace(lambda: 100.0, 2000, late=4.0, early=10.0, looks=looks)
    clock.now = began
    step = 1200
    assert not watched.enough(step)
    # It is behind the half, and slow: 800 steps would take 800 s.
    while not watched.enough(step := step + 2):
        clock.now += 2.0
    assert clock.now - began == pytest.approx(known, abs=2.0)
