"""The page of a search says what its study says, and needs nothing else."""

from __future__ import annotations

import pathlib
import re
import statistics
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pytest
import shuffled
from optuna.trial import FrozenTrial, TrialState, create_trial

from cell_search.output import charts
from cell_search.output.report._operations import frequencies
from cell_search.output.report._workers import levels, utilisation, workers_of
from cell_search.space.space import Decision, Space
from cell_search.study.directory import SearchDirectory
from cells.support.html import number

_SETTINGS = {
    "trials": 70,
    "top": 25,
    "objectives": ["weight", "-cost"],
    "strategy": {
        "type": "regularized_evolution",
        "regularized_evolution": {"population": 10, "sample": 5},
    },
}


class _Page(HTMLParser):
    """Sections by their heading: rows of their tables, tooltips and text."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, list[list[str]]] = {"": []}
        self.tips: dict[str, list[str]] = {"": []}
        self.text: dict[str, str] = {"": ""}
        self.references: list[str] = []
        self._section, self._in, self._folded = "", "", False

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.references += [v for k, v in attrs if k in ("src", "srcset", "href", "action", "data")]
        if tag == "h2" or ("class", "folded") in attrs:
            self._section, self._folded = "", tag == "details"
        elif tag == "tr":
            self.rows[self._section].append([])
        elif tag == "td":
            self.rows[self._section][-1].append("")
        self._in = tag

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in == "h2" or (self._in == "summary" and self._folded):
            self._section = data
            self.rows[data], self.tips[data], self.text[data] = [], [], ""
        elif self._in == "title":
            self.tips[self._section].append(data)
        elif self._in in ("td", "code"):
            self.rows[self._section][-1][-1] += data
        self.text[self._section] += f"{data} "


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("report")
    shuffled.run(folder, shuffled.shuffled(_SETTINGS))
    return folder


@pytest.fixture(scope="module")
def known(path: pathlib.Path) -> list[FrozenTrial]:
    return SearchDirectory(path).read_study().get_trials(deepcopy=False)


@pytest.fixture(scope="module")
def page(path: pathlib.Path) -> _Page:
    parsed = _Page()
    parsed.feed((path / "report.html").read_text())
    return parsed


def _section(page: _Page, start: str) -> str:
    return next(title for title in page.rows if title.startswith(start))


def test_nothing_is_loaded_from_elsewhere(path: pathlib.Path, page: _Page) -> None:
    source = (path / "report.html").read_text()
    assert page.references == []
    assert not re.search(r"https?:|//[a-z]|@import|url\(|<script|<link|<iframe", source)


def test_the_curve_has_every_trial_with_its_reward(page: _Page, known: list[FrozenTrial]) -> None:
    section = _section(page, "Weight by trial")
    shown = dict(re.findall(r"trial (\d+): (\S+)", "\n".join(page.tips[section])))
    assert len(shown) == 70
    for trial in known:
        value = shown[str(trial.number)]
        if trial.state == TrialState.COMPLETE:
            assert float(value) == pytest.approx(trial.values[0], abs=5e-5)
        else:
            assert value == "failed"
    values = [t.values[0] for t in known if t.state == TrialState.COMPLETE]
    text = page.text[section]
    best = re.search(r"best so far, ([\d.]+)", text)[1]
    assert float(best) == pytest.approx(max(values), abs=5e-5)
    window, median = re.search(r"median of the last (\d+), ([\d.]+)", text).groups()
    assert float(median) == pytest.approx(statistics.median(values[-int(window) :]), abs=5e-5)


def test_tiles_count_the_states(page: _Page, known: list[FrozenTrial]) -> None:
    states = Counter(t.state for t in known)
    text = page.text[""]
    assert "trials finished 70 of 70" in text
    assert f"failed {states[TrialState.FAIL]}" in text and states[TrialState.FAIL] == 11
    assert "running 0" in text and "pruned 0" in text
    assert "workers 4, " in text


def test_the_best_25_are_listed_in_order(page: _Page, known: list[FrozenTrial]) -> None:
    rows = [row for row in page.rows["The best candidates"] if row and row[0].isdigit()]
    successful = [t for t in known if t.state == TrialState.COMPLETE]
    different = {
        tuple(t.params.values()): t
        for t in sorted(successful, key=lambda t: (t.values[0], -t.number))
    }
    best = sorted(different.values(), key=lambda t: (-t.values[0], t.number))[:25]
    assert [int(row[0]) for row in rows] == list(range(1, len(best) + 1))
    assert [row[1] for row in rows] == [f"{t.values[0]:.4f}" for t in best]
    assert [int(row[3]) for row in rows] == [t.number for t in best]


def test_the_front_is_what_no_trial_is_better_than(page: _Page, known: list[FrozenTrial]) -> None:
    section = _section(page, "The front: ")
    done = [t for t in known if t.state == TrialState.COMPLETE]
    front = {
        tuple(t.values)
        for t in done
        if not any(
            o.values[0] >= t.values[0] and o.values[1] <= t.values[1] and o.values != t.values
            for o in done
        )
    }
    assert section.startswith(f"The front: {len(front)} candidates")
    rows = [row for row in page.rows[section] if row and row[0].isdigit()]
    assert {(row[1], row[2]) for row in rows} == {(f"{a:.4f}", f"{b:.0f}") for a, b in front}


def test_failures_are_counted_by_reason(page: _Page) -> None:
    rows = {row[1]: (row[0], row[2]) for row in page.rows["Failures"] if row}
    # Those that differ in a number only are one row.
    numbers = range(5, 66, 6)
    assert rows == {
        "MemoryError: <out of memory> 0 (and alike)": (
            str(len(numbers)),
            ", ".join(map(str, numbers)),
        )
    }


def test_shares_of_operations_are_those_of_the_last_proposals(
    page: _Page, known: list[FrozenTrial]
) -> None:
    # Stretches of 10 trials.
    made = Counter(v for t in known[60:] for v in t.params.values())
    text = page.text["Operations in the course of the search"]
    for operation, count in made.items():
        assert f"{operation}   {count / 60:.1%}" in text, operation
    assert "Shares among the 6 decisions" in text


def test_leftover_trials_join_the_last_stretch_and_expected_shares_are_those_of_chance() -> None:
    space = Space(
        (
            Decision("a", ("x", "y"), "operation"),
            Decision("b", ("x", "y", "z", "w"), "operation"),
            Decision("c", (1, 2), "input"),
        )
    )
    known = [
        create_trial(
            state=TrialState.RUNNING,
            params={"a": "x", "b": "z" if i < 10 else "w", "c": 1},
            distributions=space.distributions,
        )
        for i in range(19)
    ]
    found = frequencies(known, space)
    assert found.parts == {"x": [0.5], "z": [pytest.approx(10 / 38)], "w": [9 / 38], "y": [0.0]}
    assert found.expected == {"x": 0.375, "y": 0.375, "z": 0.125, "w": 0.125}
    assert frequencies([], space) is None


def test_workers_are_those_of_the_trials(page: _Page, known: list[FrozenTrial]) -> None:
    counts = Counter(t.user_attrs["worker"]["name"] for t in known)
    assert sum(counts.values()) == 70 and len(counts) == 4
    rows = {row[0]: row for row in page.rows["Workers"] if row}
    assert {name: int(row[1]) for name, row in rows.items()} == counts
    assert sum(int(row[2]) for row in rows.values()) == 11
    found = {worker.name: worker for worker in workers_of(known)}
    for name, row in rows.items():
        mine = [t for t in known if t.user_attrs["worker"]["name"] == name]
        seconds = [t.user_attrs["metrics"]["seconds"] for t in mine]
        begins = [t.user_attrs["worker"]["began"] for t in mine]
        ends = [b + s for b, s in zip(begins, seconds, strict=True)]
        assert found[name].busy == pytest.approx(sum(seconds), abs=1e-4)
        share = sum(seconds) / (max(ends) - min(begins))
        assert float(row[4].rstrip("%")) == pytest.approx(100 * min(share, 1.0), abs=0.051)
    assert 0 < utilisation(list(found.values())) <= 1


def test_levels_are_the_mean_number_of_busy_workers() -> None:
    spans = np.array([[0.0, 4.0], [1.0, 2.0], [2.0, 3.5], [3.0, 4.0]])
    # Counted by hand, second by second.
    assert levels(spans, 4) == pytest.approx([1.0, 2.0, 2.0, 2.5])
    assert levels(spans, 8).mean() * 4.0 == pytest.approx(np.diff(spans).sum())


def test_many_trials_are_one_element() -> None:
    svg = charts.curve([(i, float(i % 7)) for i in range(5000)], "reward")
    assert "<circle" not in svg and len(svg) < 60_000
    assert len(re.findall(r"M\d+ \d+h0", svg)) <= 5000


def test_the_running_median_forgets_what_is_older_than_its_window() -> None:
    values = np.array([9.0, 1.0, 5.0, 3.0, 2.0, 8.0])
    places, medians = charts.running_median(values, 3)
    assert places.tolist() == [0, 1, 2, 3, 4, 5]
    assert medians == [9.0, 5.0, 5.0, 3.0, 3.0, 3.0]


def test_numbers_have_as_many_digits_as_are_worth_reading():
    given = [5, 0.94166, 9.87654, 22.846, 312.44, 5289978.0]
    assert list(map(number, given)) == ["5", "0.9417", "9.8765", "22.85", "312.4", "5,289,978"]
