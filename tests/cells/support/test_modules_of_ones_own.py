"""Strategies, evaluators and operations of one's own, by a flag or by what is installed."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
from forked_commands import run_forked

ROOT = pathlib.Path(__file__).parents[3]

MODULE = '''
"""An operation, a strategy and an evaluator of one's own."""

from dataclasses import dataclass
from typing import ClassVar

import cells
from cell_search import EVALUATORS, STRATEGIES, Evaluator, Score, Strategy
from cells.operations.blocks import relu_conv_bn


@cells.register_operation("conv_5x5", title="conv 5×5")
def conv_5x5(graph, name, x, filters, stride, rules):
    return relu_conv_bn(graph, name, x, filters, (5, 5), (stride, stride))


@dataclass(frozen=True)
class Settings:
    place: int = 0


@STRATEGIES.register("one_choice")
class OneChoice(Strategy):
    """Always the choice of one place."""

    Settings = Settings

    def reset(self):
        pass

    def learn(self, point, reward):
        pass

    def propose(self, rng):
        place = self.settings.place
        return {d.name: d.choices[place % len(d.choices)] for d in self.space.decisions}


@EVALUATORS.register("kernels")
@dataclass(frozen=True)
class Kernels(Evaluator):
    """Counts the parameters of a cell's operations."""

    reward: ClassVar[str] = "kernels"
    uses_images: ClassVar[bool] = False

    filters: int = 4

    def score(self, request):
        from cells.operations.operations import OPERATIONS

        sides = [s for b in request.genotype.normal.blocks for _, s in b.sides]
        counts = [OPERATIONS[s.operation].parameters(self.filters, self.filters) for s in sides]
        return Score({"kernels": float(sum(counts))})
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> pathlib.Path:
    """A folder with the module, in which a search by its things has run in a worker process."""
    path = tmp_path_factory.mktemp("own")
    (path / "my_module.py").write_text(MODULE, encoding="utf-8")
    done = run_forked(
        "cell_search",
        "--search_dir=search",
        "--import=my_module",
        "--params_override=strategy.type=one_choice,strategy.one_choice.place=1,evaluator.type=kernels,"
        "evaluator.kernels.filters=8,space.operations=[identity,conv_5x5],space.blocks=1,trials=1,"
        "pool.type=processes,pool.processes.workers=1",
        folder=path,
    )
    assert done.returncode == 0, done.stderr
    return path


def cells(folder: pathlib.Path, *arguments: str, path: str = "") -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), path]))}
    return subprocess.run(
        [sys.executable, "-m", "cells", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_search_takes_what_a_module_registers(folder):
    found = json.loads((folder / "search" / "genotype.json").read_text())
    block = found["normal"]["blocks"][0]
    assert [block[side]["operation"] for side in ("left", "right")] == ["conv_5x5", "conv_5x5"]
    # Two convolutions of 5x5 from 8 to 8 channels, each with scale and shift of a batch norm.
    assert found["provenance"]["score"] == {"kernels": 2 * (5 * 5 * 8 * 8 + 2 * 8)}
    assert found["provenance"]["strategy"] == "one_choice"


def test_an_operation_of_ones_own_is_known_where_its_module_is_named(folder):
    file = str(folder / "search" / "genotype.json")
    assert cells(folder, "validate", file, "--import=my_module").returncode == 0
    drawn = cells(folder, "draw", file, "--import=my_module", "--output=own.svg")
    assert drawn.returncode == 0 and "conv 5×5" in (folder / "own.svg").read_text(encoding="utf-8")
    unknown = cells(folder, "validate", file)
    assert unknown.returncode == 2 and "'conv_5x5'" in unknown.stderr


def test_what_is_installed_needs_no_flag(folder, tmp_path):
    """As pip leaves it: a module, and beside it what the package's metadata say."""
    (tmp_path / "installed_module.py").write_text(MODULE, encoding="utf-8")
    facts = tmp_path / "mine-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    points = "[transferable_cells]\nmine = installed_module\n"
    (facts / "entry_points.txt").write_text(points)
    file = str(folder / "search" / "genotype.json")
    assert cells(folder, "validate", file, path=str(tmp_path)).returncode == 0
    (facts / "entry_points.txt").write_text(points.replace("installed_module", "gone"))
    done = cells(folder, "validate", file, path=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("cells: ") and "gone: this module of mine" in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "my_slip cannot be imported (ModuleNotFoundError"),
        ("import sys\nsys.exit(3)", "cannot be imported (SystemExit: 3)"),
        (
            "import cells\n@cells.register_operation('x')\ndef f(graph, name): return name",
            "is not a function of (graph, name, x, filters, stride, rules)",
        ),
        ("1 / 0", "(ZeroDivisionError: division by zero)"),
        (
            "from cells.operations import operations as o\no.add((o.OPERATIONS['identity'],))",
            "is no Operation; write Operation(name, title, kind, layout), without a comma",
        ),
        (
            "import cells\ncells.register_operation('identity')(print)",
            "there is an operation 'identity' already",
        ),
        ("import cells\ncells.register_operation('Conv 5')(print)", "'Conv 5' is not a name"),
    ],
)
def test_a_module_that_cannot_be_used_is_told_in_a_sentence(tmp_path, text, said):
    if text:
        (tmp_path / "my_slip.py").write_text(text)
    done = cells(tmp_path, "operations", "--import=my_slip")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("cells: --import: my_slip") and said in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_file_can_name_a_module(tmp_path):
    (tmp_path / "my_module.py").write_text("raise SystemExit('was imported')")
    (tmp_path / "sent.yaml").write_text("import: my_module\ntrials: 1\n")
    done = run_forked(
        "cell_search", "--search_dir=search", "--config_file=sent.yaml", folder=tmp_path
    )
    assert done.returncode == 2 and "import" in done.stderr and "was imported" not in done.stderr
