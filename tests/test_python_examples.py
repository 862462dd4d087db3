"""What docs/python.md and the docstrings of public names show is run as it stands."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import subprocess
import sys

import pytest
from example_files import make_images
from test_public_names import PACKAGES, functions_and_classes

ROOT = pathlib.Path(__file__).parents[1]
HELPERS = ROOT / "tests" / "helpers"


def run(folder: pathlib.Path, sets: pathlib.Path, *arguments: str) -> str:
    """Runs Python in a folder, with sets of another; gives what it prints."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "TFDS_DATA_DIR": str(sets)}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def script(page: pathlib.Path) -> str:
    """The blocks of Python of a page, each line where it stands in the page."""
    lines, inside = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = line.startswith("```")
        lines.append(line if inside and not fence else "")
        inside = not inside and line == "```python" if fence else inside
    return "\n".join(lines)


@pytest.fixture(scope="module")
def page(tmp_path_factory, embedded_dir) -> pathlib.Path:
    """The folder in which the page on Python was run from top to bottom."""
    folder = tmp_path_factory.mktemp("page")
    with contextlib.chdir(folder):
        make_images()
    text = script(ROOT / "docs" / "python.md")
    (folder / "python.md.py").write_text(text, encoding="utf-8")
    run(folder, embedded_dir, "python.md.py")
    return folder


def test_the_page_on_python_runs_from_top_to_bottom(page):
    text = (page / "python.md.py").read_text(encoding="utf-8")
    assert {"cells", "cell_search", "transfer", "detection", "auto"} <= set(
        re.findall(r"^import (\w+)$", text, re.MULTILINE)
    )
    # What the page says that it writes.
    for name in ("nasnet_a.png", "runs/digits/evaluation.json", "exported/classifier.keras"):
        assert (page / name).is_file()


@pytest.fixture(scope="module")
def shown(page, embedded_dir) -> str:
    """What running the examples of all packages prints."""
    return run(page, embedded_dir, str(HELPERS / "run_examples.py"), *PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_examples_of_public_names_say_the_truth(shown, package):
    lines = dict(re.findall(rf"^ran {package} (\w+) (\d+)$", shown, re.MULTILINE))
    names = functions_and_classes(package)
    assert [name for name in names if int(lines.get(name, 0)) == 0] == []
