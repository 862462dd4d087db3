"""The command line `cells`, as people call it."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys

import pytest

from cells.__main__ import run as main
from cells.genotype import catalogue, genotype_file
from cells.kinds import files as kinds
from cells.operations.operations import OPERATIONS


def cells(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cells", *arguments], capture_output=True, text=True, timeout=60
    )


def test_help_teaches_without_tensorflow():
    code = (
        "import sys; sys.argv = ['cells', '--help']\n"
        "from cells.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'optuna', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for command in ("list", "show", "summary", "draw", "validate", "operations"):
        assert command in done.stdout


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["dataset", "x", "-o=y", "--seed=-1"], "--seed: -1 is too small; use at least 0"),
        (["dataset", "x", "-o=y", "--test=1e999"], "--test: '1e999' is not a finite number"),
        (
            ["summary", "nasnet_a", "-N=100000"],
            "--normal_cells/-N: 100,000 is too large; use at mo",
        ),
        (["summary", "nasnet_a", "-N=two"], "--normal_cells/-N: 'two' is not a whole number"),
        (["summary", "nasnet_a", f"-F={'9' * 5000}"], "--filters/-F: '9999"),
        (["auto", "--images=x", "-o=y", "--size=1.5"], "--size: '1.5' is not a whole number"),
        (["auto", "--images=x", "-o=y", "--search=nan"], "--search: 'nan' is not a finite number"),
        (["auto", "--images=x", "-o=y", "--budget=soon"], "--budget: 'soon' is not a duration"),
        (["summary", "nasnet_a", "--image_size=99999"], "image_size: 99,999 is too large"),
        (["summary", "nasnet_a", "--colour"], "unrecognized arguments: --colour"),
        (
            ["auto", "--images=x", "-o=y", "--serch=5"],
            "unrecognized arguments: --serch; did you mean '--search'? see cells auto --help",
        ),
        (["auto", "--imags=x", "-o=y"], "unrecognized arguments: --imags; did you mean '--images'"),
        (["auto", "--images=x", "--sise", "5"], "unrecognized arguments: --sise; did you mean '--"),
        (["summary", "--sise"], "unrecognized arguments: --sise; known are -h, --help, --import, "),
        (["summary", "--filter_s", "8", "nasnet_a"], "unrecognized arguments: --filter_s; did you"),
        (["--versoin", "list"], "unrecognized arguments: --versoin; did you mean '--version'? see"),
        (["list", "nasnet_a"], "unrecognized arguments: nasnet_a; see cells list --help"),
        (["show", "nasnet_a", f"--{'x' * 5000}"], "unrecognized arguments: --xxx"),
        (["validate", "--", "--jsn"], "--jsn: there is no such genotype file"),
    ],
)
def test_a_wrong_argument_is_told_in_one_sentence(arguments, sentence, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["cells", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    told = capsys.readouterr().err
    assert end.value.code == 2
    assert told.startswith(f"cells: {sentence}") and told.count("\n") == 1 and len(told) < 600


def test_control_characters_of_names_do_not_reach_the_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["cells", "validate", "a\n\x1b[31mb.json"])
    with pytest.raises(SystemExit):
        main()
    told = capsys.readouterr().err
    assert told == "cells: a\\n\\x1b[31mb.json: there is no such genotype file\n"


@pytest.mark.parametrize(
    "package, program",
    [
        ("cells", "cells"),
        ("cell_search", "cell-search"),
        ("transfer", "cell-transfer"),
        ("detection", "cell-detect"),
    ],
)
def test_every_program_says_its_version(package, program):
    done = subprocess.run([sys.executable, "-m", package, "--version"], capture_output=True)
    assert done.stdout.decode() == f"{program} {importlib.metadata.version('transferable-cells')}\n"


def aligned(lines: list[str]) -> list[list[str]]:
    """The cells of a table whose columns begin below each other."""
    starts = [0, *(m.end() for m in re.finditer("  +", lines[0]))]
    ends = [*starts[1:], None]
    assert all(line[at - 1] == " " for line in lines for at in starts[1:] if at < len(line))
    return [[line[a:b].strip() for a, b in zip(starts, ends, strict=True)] for line in lines]


def test_the_list_tells_all_cells_apart():
    head, *rows = aligned(cells("list").stdout.splitlines()[:-1])
    assert [row[0] for row in rows] == [*catalogue.names(), *kinds.networks()]
    # The network of 6 @ 768 has 3.3M parameters in the paper, and an error of 2.65 % with cutout.
    found = {row[0]: dict(zip(head, row, strict=True)) for row in rows}
    assert found["nasnet_a"] == {
        "name": "nasnet_a",
        "stacking": "nasnet",
        "parameters": "3,346,538",
        "CIFAR-10 error": "2.65 %",
        "ImageNet top-1": "74.0 %",
        "by": "Zoph et al., CVPR 2018",
    }
    assert len({tuple(row[1:]) for row in rows}) == len(rows)


def test_show_ends_where_people_stop_reading():
    lines = cells("show", "nasnet_a").stdout.splitlines()
    assert all(len(line) <= 160 and "[{" not in line for line in lines)
    assert lines[-1] == "checked_against, published: see --json"


def test_list_and_show():
    listed = json.loads(cells("list", "--json").stdout)
    assert {row["name"] for row in listed} == {*catalogue.names(), *kinds.networks()}
    assert all(row["year"] and row["paper"] for row in listed)
    shown = cells("show", "nasnet_a").stdout
    # Figure 4 of the paper: the Normal cell's first block adds 5x5 of h_i and 3x3 of h_{i-1}.
    assert "state 2 = add(sep 5×5 of h(i), sep 3×3 of h(i-1))" in shown
    assert genotype_file.parse(cells("show", "nasnet_a", "--json").stdout) == catalogue.load(
        "nasnet_a"
    )


def test_operations_are_listed_with_their_parameters():
    table = aligned(cells("operations").stdout.splitlines())
    assert [row[0] for row in table] == ["name", *OPERATIONS]
    rows = json.loads(cells("operations", "--json", "-F", "10").stdout)
    assert [row["name"] for row in rows] == list(OPERATIONS)
    counted = {row["name"]: row["parameters"] for row in rows}
    assert counted["conv_3x3"] == 9 * 100 + 20


def test_validate_and_summary_take_files(tmp_path):
    path = tmp_path / "mine.json"
    kinds.write(catalogue.load("pnasnet_5"), path)
    done = cells("validate", str(path))
    assert done.returncode == 0 and "valid" in done.stdout
    done = cells("summary", str(path), "--network=imagenet_mobile", "--json")
    assert json.loads(done.stdout)["trainable"] == 5_064_487


def test_draw_writes_pictures(tmp_path):
    for ending, head in ((".svg", b"<svg"), (".png", b"\x89PNG"), (".pdf", b"%PDF")):
        path = tmp_path / f"cells{ending}"
        assert cells("draw", "nasnet_a", f"--output={path}").returncode == 0
        assert path.read_bytes().startswith(head)


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["show", "nasnet"], "did you mean 'nasnet_a'"),
        (["show", "nowhere/mine.json"], "there is no such genotype file"),
        (["show", "tests/"], "is a folder"),
        (["validate", "pyproject.toml"], "not JSON"),
        (["summary", "nasnet_a", "--network=imagenet"], "did you mean 'imagenet_"),
        (["summary", "nasnet_a", "-P", "100"], "nearest are 96 and 120"),
        (["summary", "nasnet_a", "--image_size=2"], "use at least 3x3"),
        (["summary", "nasnet_a", "--image_size=1e9"], "is not a size"),
        (["summary", "nasnet_a", "--border_rule=torch"], "known are tensorflow, timm, keras"),
        (["draw", "nasnet_a", "--output=x.bmp"], ".svg"),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_code_2(arguments, sentence):
    done = cells(*arguments)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.startswith("cells: ") and done.stderr.count("\n") == 1
    assert not done.stdout
