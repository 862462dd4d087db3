"""The documentation's commands: known to what runs them, with flags and files that exist."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys
from collections import defaultdict

import documented_commands as documented
import pytest
import shortening
from documented_commands import ROOT, Command

from benchmarks.commands import PACKAGES

PAGES = documented.pages()
COMMANDS = [command for commands in PAGES.values() for command in commands]


def parts(page: str) -> list[str]:
    said = shortening.page(page)
    return [*said.shorter, *said.skipped, *said.needs]


def test_all_blocks_are_read():
    # What people see on these pages, counted by hand.
    assert len(PAGES["README.md"]) == 23
    assert len(PAGES["docs/tables.md"]) == 2
    assert len(PAGES["configs/detection/coco_maskrcnn.yaml"]) == 2
    assert {f"{program} --help" for program in PACKAGES} <= set(PAGES)
    assert PAGES["cell-detect --help"][4].words[-1] == (
        "--params_override=task.train_data.input_path=boxes/train,"
        "      task.validation_data.input_path=boxes/val"
    )


@pytest.mark.parametrize("page", shortening.TABLE["pages"])
def test_the_table_names_commands_that_there_are(page):
    """What is shortened or left out is so for a command of today, and the reason is told."""
    texts = [" ".join(command.text.split()) for command in PAGES[page]]
    assert [part for part in parts(page) if not any(part in text for text in texts)] == []
    assert all(len(reason) > 10 for reason in shortening.page(page).skipped.values())


@pytest.mark.parametrize("page", PAGES)
def test_a_command_is_run_or_the_table_says_why_not(page):
    for command in PAGES[page]:
        call = shortening.call(command)
        assert call.why_not or call.words[0] in PACKAGES, command.text
        assert "..." not in command.text, "who pastes it gets an error"


@pytest.fixture(scope="module")
def flags() -> dict[str, set[str]]:
    """The flags of the programs of three stages, as their `--help` lists them."""
    return {
        program: set(re.findall(r"^  --(?:\[no\])?(\w+)", shown, re.MULTILINE))
        for program, module in PACKAGES.items()
        if program != "cells"
        for shown in [subprocess.check_output([sys.executable, "-m", module, "--help"], text=True)]
    }


def given(command: Command) -> list[tuple[str, str]]:
    words = [word for word in command.words[1:] if word.startswith("--")]
    return [(name, value) for name, _, value in (word[2:].partition("=") for word in words)]


def test_flags_and_configurations_exist(flags):
    import cells.__main__
    import cells.cli

    parser = cells.cli._parser(cells.__main__.summary, cells.__main__.auto)
    for command in COMMANDS:
        if command.program == "cells":
            parser.parse_args(command.words[1:])
        elif command.program in flags:
            assert {name for name, _ in given(command)} <= flags[command.program], command.text
        for name, value in given(command):
            if name == "config_file" and value.startswith("configs/"):
                assert (ROOT / value).is_file(), command.text


def test_each_stage_has_a_folder_of_its_own():
    """Who follows several pages in one folder never gives a stage the folder of another."""
    stages = defaultdict(set)
    for command in COMMANDS:
        for name, value in given(command):
            if name in ("search_dir", "model_dir") and value.startswith(("runs/", "demo/")):
                stages[value].add(command.program)
    assert {folder: used for folder, used in stages.items() if len(used) > 1} == {}


def test_the_genotype_of_the_documentation_is_one(tmp_path):
    from cells import load_genotype

    file = tmp_path / "mine.json"
    file.write_text(documented.block("docs/genotype.md", "json"), encoding="utf-8")
    assert load_genotype(file).reduction.concat == (2,)


def test_the_operations_of_the_documentation_are_those_that_there_are():
    from cells.operations.operations import OPERATIONS

    text = (ROOT / "docs" / "genotype.md").read_text(encoding="utf-8")
    table = text.partition("## Operations")[2].partition("\n\n## ")[0]
    rows = re.search(r"^\| name \|.*\n(?:\|.*\n)+", table, re.MULTILINE)
    assert rows is not None
    named = {
        name for row in rows[0].splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    assert named == set(OPERATIONS)


def test_the_commands_of_the_readme_that_take_seconds(tmp_path, monkeypatch):
    """Genotypes: what needs no TensorFlow."""
    import cells.__main__

    monkeypatch.chdir(tmp_path)
    files = (["cells", "auto"], ["cells", "draw", "demo/search/genotype.json"])
    quick = [c for c in PAGES["README.md"] if not any(c.words[: len(f)] == f for f in files)]
    for command in quick:
        call = shortening.call(command)
        if command.program == "cells" and not call.why_not:
            assert not call.shortened
            monkeypatch.setattr(sys, "argv", list(call.words))
            cells.__main__.main()
    assert {path.name for path in pathlib.Path(tmp_path).iterdir()} == {
        "darts.txt",
        "mine.json",
        "nasnet_a.svg",
    }
