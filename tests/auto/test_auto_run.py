"""`cells auto` from beginning to end: killed, stopped, and with a choice of cells."""

from __future__ import annotations

import dataclasses
import json
import signal

import numpy as np
import pytest
from auto_runs import begin
from cost_tables import made
from folders import write
from forked_commands import begin_forked

from auto import (
    budget,
    entrants,
    final_training,
    race,
    report,
    screen,
    search_costs,
    search_step,
    steps,
)
from auto.entrants import Entrant
from cell_search.costs import table
from cell_search.costs.machine import VARIABLE
from cell_search.costs.table import Overheads
from cells.__main__ import run as main
from cells.operations.operations import OPERATIONS
from cells.support.signals import Interruption


def auto(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """The command in this process, which has imported TensorFlow already."""
    monkeypatch.setattr("sys.argv", ["cells", "auto", *arguments])
    main()


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    root = write(tmp_path_factory.mktemp("images") / "shapes", {"red": 30, "green": 30})
    (root / "red" / "broken.png").write_bytes(b"no picture")
    return root


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--budget=5x"], "--budget"),
        (["--size=3"], "--size"),
        (["--genotype=nasnet_z"], "nasnet_z"),
        (["--output=/proc/nowhere"], "cannot be written"),
        (["--seed=-1"], "--seed"),
        (["--search=1.5"], "--search"),
        (["--search=0.5", "--genotype=nasnet_a"], "--search"),
        (["--search=0.3", "--budget=5m"], "give 0.4 to 0.5, or --search=0"),
        (["--search=0.7", "--budget=5m"], "what follows 150 s; give 0.4 to 0.5"),
        (["--search=0.5", "--budget=3m"], "give a --budget of 5m or more"),
        (["--search=0.5", "--budget=271s"], "give a --budget of 5m or more"),
        (["--entrants=nobody"], "--entrants"),
        (["--balance=nothing"], "--balance"),
        (["--precision=float64"], "--precision"),
        (["--images=/proc/version"], "no folder"),
    ],
)
def test_bad_input_ends_in_a_sentence(shapes, tmp_path, monkeypatch, capsys, arguments, said):
    output = tmp_path / "out"
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(SystemExit) as ended:
        auto(monkeypatch, f"--images={shapes}", f"--output={output}", *arguments)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1
    assert not output.exists()


def test_where_costs_are_known_a_search_may_be_short(shapes, tmp_path, monkeypatch, capsys):
    """And a table of another machine, or none, is told of before anything is computed."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "costs.json"))
    arguments = (f"--images={shapes}", f"--output={tmp_path / 'out'}", "--budget=3m")

    def said(share):
        with pytest.raises(SystemExit):
            auto(monkeypatch, *arguments, f"--search={share}")
        return capsys.readouterr().err

    assert "costs.json: there is no such cost file" in said(0.2)
    table.write(made(cores=99), tmp_path / "costs.json")
    assert "are measured needs 120 s" in said(0.1)
    table.write(made(), tmp_path / "costs.json")
    assert "give at most 0.16, or --search=0" in said(0.4)
    assert not (tmp_path / "out").exists()


def test_costs_that_cannot_be_measured_in_time_end_the_search_and_not_the_run(
    shapes, tmp_path, small, monkeypatch
):
    """Nothing is measured for longer: the time of the search is over when its step begins."""
    monkeypatch.delenv(VARIABLE, raising=False)
    run = begin(tmp_path / "out", shapes, size=16, search=1e-9)
    found = run.step("search", lambda: search_step.search(run, divided(run)))
    assert found["trials"] == 0 and found["entrants"] == []
    assert "too little to measure what networks cost" in screen.outcome("search", found)
    names = [Entrant(*each).name for each in raced(run)[1]["entrants"]]
    assert names == ["resnet_9 (F = 4)", "hand_written (N = 1, F = 4)"]


@pytest.mark.parametrize(
    ("slower", "share", "stopped"), [(1.0, 0.4, 1.0), (3.0, 0.4, 1.0), (1.0, 3.0, 0.12)]
)
def test_what_cannot_be_measured_in_time_is_given_up_early(slower, share, stopped):
    """A first tenth that is slower, for compilers, ends nothing; what would take six times too long
    costs an eighth of the time."""
    gone = 0.0
    for done in range(100):
        if not search_costs.in_time(gone, done / 100):
            break
        gone += share / 100 * (slower if done < 10 else 1.0)
    else:
        assert stopped == 1.0 and gone < search_costs.PART
        return
    assert gone <= stopped


def test_a_search_of_which_all_candidates_fail_ends_without_the_run(shapes, tmp_path, monkeypatch):
    """A step takes a thousand seconds by the table, and a candidate has five."""
    slow = made(tuple(OPERATIONS), Overheads(place=1000.0))
    table.write(slow, tmp_path / "named.json")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "named.json"))
    monkeypatch.setattr(search_step, "FILTERS", (4, 8))
    run = begin(tmp_path / "out", shapes, size=16, search=1e-9)
    found = run.step("search", lambda: search_step.search(run, divided(run)))
    assert found["trials"] == found["failed"] == 1 and found["entrants"] == []
    assert screen.outcome("search", found) == "1 candidate, all of which failed"


@pytest.fixture
def small(monkeypatch):
    """Networks and rungs as small as can be: what is tested here is not how well they learn."""
    monkeypatch.setattr(entrants, "SIZES", ((1, 4),))
    monkeypatch.setattr(entrants, "CELLS", ("hand_written",))
    monkeypatch.setattr(race, "SHARE", 0.02)
    monkeypatch.setattr(race, "LEAST_STEPS", 1)
    monkeypatch.setattr(race, "WARM", 2)
    monkeypatch.setattr(race, "PROBE", 2)


def raced(run):
    """A race of some steps, whatever the clock says."""
    whole = race.Race(run, DIVIDED[run.folder])
    return whole, run.step("race", whole.take)


DIVIDED = {}


def divided(run):
    from auto import test_split

    DIVIDED[run.folder] = test_split.divide(run.images, run.folder / "data", run.settings.seed)
    run.record.keep("images", dataclasses.asdict(DIVIDED[run.folder]))
    return DIVIDED[run.folder]


def test_a_race_that_is_stopped_goes_on_as_if_it_had_not_been(shapes, tmp_path, small, monkeypatch):
    """The same steps, scores and weights, to the bit."""
    whole = begin(tmp_path / "whole", shapes, size=16)
    divided(whole)
    one, result = raced(whole)
    names = [Entrant(*each).name for each in result["entrants"]]
    assert names == ["resnet_9 (F = 4)", "hand_written (N = 1, F = 4)"]
    (rung,) = result["rungs"]
    assert set(rung["scores"]) == set(names) and result["failed"] == {}
    first, other = (rung["scores"][name][0] for name in names)
    error = ((first * (1 - first) + other * (1 - other)) / rung["images"]) ** 0.5
    best = names[other > first + error]
    assert result["winner"] == best

    stopped = begin(tmp_path / "stopped", shapes, size=16)
    divided(stopped)
    # The same costs, which another look at the clock would not give.
    heats = {"failed": {}, "rungs": [{**rung, "scores": {}}]}
    heats |= {key: result[key] for key in ("entrants", "costs")}
    stopped.record.keep(race.HEATS, heats)
    looks = []
    monkeypatch.setattr(race, "LOOK", 1e-9)

    def check():
        looks.append(None)
        if len(looks) == 3:
            raise Interruption(signal.SIGTERM)

    monkeypatch.setattr(stopped.interruptible, "check", check)
    with pytest.raises(Interruption):
        raced(stopped)
    again = begin(tmp_path / "stopped", shapes, size=16)
    other, resumed = raced(again)
    assert resumed["rungs"] == result["rungs"] and resumed["winner"] == result["winner"]
    vectors = [r.winner(best)[1].child.trained.numpy() for r in (one, other)]
    np.testing.assert_array_equal(*vectors)


def test_the_first_gives_way_to_who_is_better_by_a_standard_error():
    """Of two independent shares: sqrt(0.6 * 0.4 / 1000 + 0.62 * 0.38 / 1000) = 0.0218."""

    def best(first, other, images=1000):
        scores = {"other": (other, 1.0), "first": (first, 1.0)}
        return min(scores, key=race._order("first", scores, images))

    assert best(0.60, 0.621) == "first" and best(0.60, 0.623) == "other"
    assert best(0.60, 0.59) == "first"
    # Four times the images, half the error; and in records from before, none.
    assert best(0.60, 0.612, images=4000) == "other" and best(0.60, 0.601, images=None) == "other"


def test_who_fails_leaves_alone(shapes, tmp_path, small, monkeypatch):
    run = begin(tmp_path / "out", shapes, size=16)
    divided(run)
    probe = race.Race._probe

    def fails(self, entrant):
        if entrant.cells == entrants.RESIDUAL:
            raise FloatingPointError("the loss became nan in step 1")
        return probe(self, entrant)

    monkeypatch.setattr(race.Race, "_probe", fails)
    whole, result = raced(run)
    assert result["failed"] == {"resnet_9 (F = 4)": "the loss became nan in step 1"}
    assert result["winner"] == "hand_written (N = 1, F = 4)" and not result["rungs"]
    assert whole.best_cells(result) == "hand_written"


def test_a_machine_too_busy_to_look_at_all_trains_the_likeliest(
    shapes, tmp_path, small, monkeypatch
):
    """Half of the time of race and training is gone when the first has been looked at."""
    run = begin(tmp_path / "out", shapes, size=16)
    left = iter([100.0, 90.0, 49.0])
    divided(run)
    monkeypatch.setattr(run.budget, "left", lambda step: next(left, 45.0))
    _, result = raced(run)
    assert result["winner"] == "resnet_9 (F = 4)"
    assert result["failed"] == {"hand_written (N = 1, F = 4)": "left no time to look at it"}


def test_the_end_follows_the_clock_and_is_decided_again_alike(shapes, tmp_path, small, monkeypatch):
    """A machine that becomes three times slower: the end comes nearer, and the budget is kept."""

    class Clock:
        now = 0.0
        pace = 0.5

    clock = Clock()
    monkeypatch.setattr(final_training.time, "monotonic", lambda: clock.now)
    run = begin(tmp_path / "out", shapes, size=16, budget=200.0)
    monkeypatch.setattr(run.budget, "left", lambda step: 160.0 - clock.now)
    whole = race.Race(run, divided(run))
    training = whole.training(Entrant(entrants.RESIDUAL, 0, 4))
    step = training._step

    def slow():
        clock.now += clock.pace
        if training.steps == 100:
            clock.pace = 1.5
        return step()

    monkeypatch.setattr(training, "_step", slow)
    path = tmp_path / "final.npz"
    final_training._prolong(run, training, path, 0.5)
    plans = run.results["plans"]
    assert plans[0] == [0, 320] and len(plans) > 1
    assert training.steps == training.planned == plans[-1][1]
    # 100 steps in the first 50 s, and 110 s of 1.5 s each.
    assert training.steps == pytest.approx(100 + 110 / 1.5, abs=4)
    assert clock.now <= 1.02 * 160.0

    twin = race.Race(run, DIVIDED[run.folder]).training(Entrant(entrants.RESIDUAL, 0, 4))
    final_training._prolong(run, twin, path, 0.5)
    np.testing.assert_array_equal(twin.child.trained.numpy(), training.child.trained.numpy())


def test_on_a_busy_machine_more_is_kept_back(shapes, tmp_path, small):
    """A step that takes four times its processor time: so does all that follows the training."""
    run = begin(tmp_path / "out", shapes, size=16)
    whole, entrant = race.Race(run, divided(run)), Entrant(entrants.RESIDUAL, 0, 4)

    def kept(processor):
        whole.costs = {entrant.name: race.Cost(processor, 0.1)}
        training = whole.training(entrant)
        none = dataclasses.replace(DIVIDED[run.folder], testing=0)
        return final_training._time_after(whole, entrant, training, none)

    # Several cores work at once where the processor's time is the longer.
    assert kept(0.2) == kept(0.1) == final_training.FIXED
    assert kept(0.025) == pytest.approx(4 * final_training.FIXED)


def test_a_folder_becomes_a_classifier_through_a_kill(shapes, tmp_path, small, monkeypatch, capsys):
    output = tmp_path / "out"
    arguments = (f"--images={shapes}", f"--output={output}", "--budget=30s", "--size=16")
    process = begin_forked("cells", "auto", *arguments)
    process.send(signal.SIGKILL, lambda: "\ntraining:" in process.said())
    said = process.end().stdout
    assert "\n  resnet_9 (F = " in said and "\n    red/broken.png: is no image of a known" in said
    gone = json.loads((output / "seconds.json").read_text())

    capsys.readouterr()
    auto(monkeypatch, *arguments)
    printed = capsys.readouterr().out
    assert "race:" not in printed and "training:" in printed, "what is over is not done again"
    report = json.loads((output / "report.json").read_text())
    # Colours are told apart by a first look.
    assert report["test"]["accuracy"] == 1.0
    assert report["test"]["images"] == report["images"]["testing"] == 12
    assert report["seconds"]["race"] == pytest.approx(gone["race"], abs=0.1)
    assert {file["file"] for file in report["files"].values()} == {
        "classifier.keras",
        "classifier.tflite",
    }
    assert all(file["top_1_agreement"] == 1.0 for file in report["files"].values())
    page = (output / "report.html").read_text()
    assert "100.0%" in page and "data:image/svg+xml" in page and "data:image/png" in page
    assert report["race"]["winner"] in page and "trained on" in page
    assert "src=http" not in page and 'src="http' not in page, "it needs nothing else"

    with pytest.raises(SystemExit):
        auto(monkeypatch, *arguments, "--seed=1")
    assert "seed is 1, was 0" in capsys.readouterr().err
    (shapes / "red" / "later.png").write_bytes(b"no picture either")
    with pytest.raises(SystemExit):
        auto(monkeypatch, *arguments)
    assert "had before files were added, removed or changed" in capsys.readouterr().err


def test_what_a_search_found_takes_part(shapes, tmp_path, small, monkeypatch):
    monkeypatch.setattr(search_step, "FILTERS", (4, 8))
    monkeypatch.setattr(search_step, "LEAST_SECONDS", 0.02)
    # Costs that the environment names are not measured.
    table.write(made(tuple(OPERATIONS)), tmp_path / "named.json")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "named.json"))
    run = begin(tmp_path / "out", shapes, size=16, search=1e-9)
    found = run.step("search", lambda: search_step.search(run, divided(run)))
    assert found["trials"] >= search_step.LEAST
    assert found["entrants"][0][0] == "found/search-1.json"
    best = run.cells("found/search-1.json")
    assert best.name == "search-1"
    assert best.cells == run.cells("search/top/01.json").cells
    assert found["entrants"][0][1] in search_step.NORMAL_CELLS
    assert found["entrants"][0][2] in (4, 8)
    assert found["entrants"][0][3] == "transitions"
    assert found["entrants"][0][4] in search_step.EMPTY_GROUPS
    whole, result = raced(run)
    assert found["entrants"][0] in result["entrants"]
    names = {Entrant(*each).name.split(" ")[0] for each in result["entrants"]}
    # Of one or of two, as the time allowed.
    assert {"resnet_9", "hand_written", "search-1"} <= names
    assert names <= {"resnet_9", "hand_written", "search-1", "search-2"}
    told = {"training": {"cells": "found/search-1.json"}, "race": result}
    said = report._origin(run.settings, told)
    assert said == "a network of cells that a search on these images found (<b>search-1</b>)"
    assert steps.FORMATS == ("keras", "tflite") and budget.search_of(1800.0) == 0.2
    assert whole.images(Entrant(*result["entrants"][0])).size == (16, 16)
