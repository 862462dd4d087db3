"""Rows of docs/figures.json are made by the program, and what else is done to them is caught."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess

import pytest
from small_project import TABLE, Project, make

from benchmarks.recording import adopt, check, commands, limits, measure, missed, rows


@pytest.fixture
def project(tmp_path: pathlib.Path) -> Project:
    return make(tmp_path / "project")


def measured(project: Project, **options) -> list[rows.Row]:
    measure.measure(project.root, TABLE, "01-tiny", **options)
    return rows.read(project.root)


def wrong(project: Project) -> list[str]:
    return check.check(project.root, TABLE).wrong


def changed(project: Project, number: int, *, seal: bool = True, **values) -> None:
    """Edits a row as somebody with an editor would, who may compute the digest anew, too."""
    every = rows.read(project.root)
    every[number] = {**every[number], **values}
    if seal:
        every[number] = rows.sealed(every[number])
    rows.write(project.root, every)


def test_a_row_says_where_it_comes_from(project):
    first, second = measured(project)
    assert (first["value"], first["limit"], first["ok"]) == (4, "== 4", True)
    assert (first["kind"], second["kind"]) == ("requirement", "observation")
    assert second["value"] == 0.6667
    assert first["command"] == "python -m benchmarks.tiny --settings=tiny.yaml"
    assert first["commit"] == project.git("rev-parse", "HEAD")
    assert first["tree"] == project.git("rev-parse", "HEAD^{tree}")
    assert first["clean"] is True
    assert first["seeds"] == "none"
    assert first["cores"] >= 1
    assert 0 <= first["load"]["mean"] <= first["load"]["max"]
    assert set(first["versions"]) >= {"python", "numpy", "tensorflow"}


def test_what_was_measured_is_right_and_counted(project):
    measured(project)
    found = check.check(project.root, TABLE)
    assert found.wrong == []
    assert found.stale == {}
    counts = found.counts
    assert (counts["requirement"], counts["observation"], counts["missed"]) == (1, 1, 0)
    assert (counts["unverified"], counts["dirty"], counts["quotes"]) == (0, 0, 1)


def test_a_row_edited_by_hand_is_caught(project):
    measured(project)
    changed(project, 1, seal=False, value=0.6668)
    assert ["edited" in fault for fault in wrong(project)] == [True]


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"value": 5}, "do not give the verdict"),
        ({"limit": ">= 3"}, "that of the benchmark's code '== 4'"),
        ({"kind": "observation", "limit": ""}, "that of the benchmark's code '== 4'"),
        ({"name": "twice three"}, "that of the benchmark's code ''"),
        ({"command": "make tiny"}, "not that of the table"),
        ({"figure": "02-tiny"}, "no such figure"),
        ({"tree": "1" * 40}, "has another tree"),
        ({"commit": "0" * 40, "tree": "1" * 40}, "neither its commit"),
        ({"why": "it was late"}, "its reason is not that of"),
    ],
)
def test_edits_with_a_new_digest_are_caught(project, values, fault):
    measured(project)
    changed(project, 0, **values)
    assert any(fault in text for text in wrong(project)), wrong(project)


def test_a_commit_that_does_not_exist_is_caught_unless_its_tree_does(project):
    measured(project)
    changed(project, 0, commit="0" * 40)
    # History was rewritten, but what was measured is still there.
    assert wrong(project) == []
    changed(project, 0, tree="1" * 40)
    assert ["neither its commit" in fault for fault in wrong(project)] == [True]


def test_an_adopted_mark_is_no_way_around(project):
    measured(project)
    mark = {"why": "old", "blob": "2" * 40, "figure": "01-tiny", "name": "twice two"}
    changed(project, 0, unverified=mark)
    assert ["never stood" in fault for fault in wrong(project)] == [True]


@pytest.mark.parametrize("path", ["arithmetic/sums.py", "new.py"])
def test_a_dirty_tree_is_refused(project, path):
    with open(project.root / path, "a") as file:
        file.write("# More.\n")
    with pytest.raises(measure.Unrecorded, match=path):
        measured(project)
    assert rows.read(project.root) == []


def test_a_dirty_tree_that_is_measured_says_so(project):
    project.change("arithmetic/sums.py", "2 * x", "x + x")
    assert [row["clean"] for row in measured(project, dirty=True)] == [False, False]
    found = check.check(project.root, TABLE)
    assert found.wrong == []
    assert found.counts["dirty"] == 2


def test_a_tree_that_changes_meanwhile_is_not_recorded(project):
    project.change("benchmarks/tiny.py", "value = ", "open('late.py', 'w').close(); value = ")
    project.commit("A benchmark that writes code")
    with pytest.raises(measure.Unrecorded, match="changed while"):
        measured(project)
    assert rows.read(project.root) == []


def test_a_missed_row_stays_with_its_reason_here_and_on_the_page(project):
    project.change("arithmetic/sums.py", "2 * x", "3 * x")
    project.change("docs/page.md", "66.7 %", "12<!-- fig 01-tiny twice two -->. All are 1.0")
    project.commit("A mistake")
    assert not measure.measure(project.root, TABLE, "01-tiny")
    assert any("does not say why" in fault for fault in wrong(project))
    why = "It takes three times."
    project.put(missed.FILE, json.dumps({"01-tiny": {"twice two": why}}))
    assert any("run --explain" in fault for fault in wrong(project))
    reasons = missed.read(project.root)
    rows.write(project.root, [missed.explained(r, reasons) for r in rows.read(project.root)])
    changed(project, 0)
    assert any("the page must say: It takes three" in fault for fault in wrong(project))
    # The page says 12 first, which the reason leaves as it is; the other number is right.
    text = (project.root / "docs/page.md").read_text()
    (project.root / "docs/page.md").write_text(text.replace("12<", "6<") + "It takes\nthree times.")
    assert wrong(project) == []


def test_reasons_do_not_outlive_what_they_explain(project):
    measured(project)
    project.put(missed.FILE, json.dumps({"01-tiny": {"twice two": "It takes three times."}}))
    assert ["no such row is missed" in fault for fault in wrong(project)] == [True]


def test_explaining_hides_no_edit(project):
    measured(project)
    changed(project, 0, seal=False, note="by hand")
    every = [missed.explained(row, {}) for row in rows.read(project.root)]
    assert every[0]["digest"] != rows.digest(every[0])


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("0.6667", True),
        ("0.67", True),
        ("0.66", False),
        ("66.67 %", True),
        ("66.6 %", False),
        ("67 points", True),
        ("-0.67", False),
        ("0.67 (0.01)", False),
        ("two thirds", False),
    ],
)
def test_pages_say_what_rows_say(project, text, right):
    project.put("docs/page.md", f"It is {text}<!-- fig 01-tiny twice a third -->.\n")
    project.commit("Words")
    measured(project)
    assert (wrong(project) == []) == right


def test_a_quote_names_one_row(project):
    measured(project)
    project.put("docs/page.md", "It is 4<!-- fig 01-tiny twice -->.\n")
    assert ["2 rows" in fault for fault in wrong(project)] == [True]


def test_rows_of_before_are_taken_over_for_what_they_are(project):
    lost = {"command": "make tiny", "commit": "3" * 12, "date": "2020-01-01", "ok": True}
    old = [
        {"figure": "01-tiny", "name": "twice two (spread 3 to 5)", "value": 4, "limit": "== 4"},
        {"figure": "01-tiny", "name": "twice a third", "value": 0.6667, "limit": "any, about"},
    ]
    rows.write(project.root, [{**row, **lost} for row in old])
    commit = project.commit("Rows of an older program")
    assert adopt.adopt(project.root, TABLE, commit) == 2
    first, second = rows.read(project.root)
    assert (first["name"], first["note"], first["limit"]) == ("twice two", "spread 3 to 5", "== 4")
    assert (second["kind"], second["note"]) == ("observation", "about")
    assert "its commit is not in the repository" in first["unverified"]["why"]
    assert "its command is not that of the table" in first["unverified"]["why"]
    found = check.check(project.root, TABLE)
    assert found.wrong == []
    assert found.counts["unverified"] == 2
    changed(project, 0, value=4.0001, ok=False, limit="== 4")
    assert any("never stood" in fault for fault in wrong(project))


def test_in_a_shallow_clone_or_an_archive_commits_are_not_looked_for(project, tmp_path):
    measured(project)
    project.commit("What was measured")
    clone = Project(tmp_path / "clone")
    source = f"file://{project.root}"
    subprocess.run(["git", "clone", "-q", "--depth=1", source, str(clone.root)], check=True)
    changed(clone, 0, commit="0" * 40, tree="1" * 40)
    found = check.check(clone.root, TABLE)
    assert (found.wrong, found.skipped) == ([], "this is a shallow clone")
    shutil.rmtree(clone.root / ".git")
    found = check.check(clone.root, TABLE)
    assert (found.wrong, found.skipped) == ([], "this is no git repository")
    changed(clone, 0, seal=False, cores=99)
    assert ["edited" in fault for fault in wrong(clone)] == [True]


def test_some_strategies_of_a_comparison_are_the_table_s_command():
    entry = "-m benchmarks.x --seeds=3 --strategies=a:x=1,y=2,b,c"
    assert commands.command(entry, "b") == "python -m benchmarks.x --seeds=3 --strategies=b"
    for some, right in (("b", True), ("a:x=1,y=2,c", True), ("a", False), ("d", False)):
        assert commands.belongs(entry, commands.command(entry, some)) == right
    assert not commands.belongs(entry, "python -m benchmarks.x --seeds=4 --strategies=b")


@pytest.mark.parametrize(
    ("limit", "value", "error", "held"),
    [
        ("<= 0.6", 0.6, 0.0, True),
        ("<= 0.6", 0.607, 0.0, False),
        ("> 0", 0.0, 0.0, False),
        ("== 5289978", 5289979, 0.0, False),
        ("<= 1e-05", 2e-5, 0.0, False),
        (">= 61.3 less 2 standard errors", 61.266, 0.0165, False),
        (">= 61.3 less 2 standard errors", 61.266, 0.0175, True),
        ("> 0 by 2 standard errors", 4.24, 0.96, True),
        ("> 0 by 2 standard errors", 1.0, 0.96, False),
    ],
)
def test_what_limits_mean(limit, value, error, held):
    assert limits.holds(limit, value, error) == held


def test_a_limit_that_a_wrong_program_keeps_is_caught(project):
    project.change("benchmarks/tiny.py", '"== 4", 2', '">= 1", 2')
    assert any("a wrong program (nothing doubled) keeps" in fault for fault in wrong(project))
    project.change("benchmarks/tiny.py", '"nothing doubled"', '""')
    assert any("say which wrong program" in fault for fault in wrong(project))
