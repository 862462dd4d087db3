"""What docs/python.md and the docstrings of public names show is run as it stands."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re

import pytest
from example_files import make_images
from forked_commands import run_forked
from test_public_names import PACKAGES, functions_and_classes

ROOT = pathlib.Path(__file__).parents[1]
#: The blocks of the page on Python, in a file of the folder in which they are run.
SCRIPT = "python.md.py"


def script(page: pathlib.Path) -> str:
    """The blocks of Python of a page, each line where it stands in the page."""
    lines, inside = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = line.startswith("```")
        lines.append(line if inside and not fence else "")
        inside = not inside and line == "```python" if fence else inside
    return "\n".join(lines)


@pytest.fixture(scope="module")
def ran(tmp_path_factory, embedded_dir) -> tuple[pathlib.Path, str]:
    """The page on Python was run from top to bottom, and then the examples of all packages, in one
    process: its folder, and what it printed."""
    folder = tmp_path_factory.mktemp("page")
    with contextlib.chdir(folder):
        make_images()
    text = script(ROOT / "docs" / "python.md")
    (folder / SCRIPT).write_text(text, encoding="utf-8")
    environment = {**os.environ, "TFDS_DATA_DIR": str(embedded_dir)}
    arguments = ["run_examples", SCRIPT, *PACKAGES]
    done = run_forked(*arguments, folder=folder, environment=environment)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    return folder, done.stdout


def test_the_page_on_python_runs_from_top_to_bottom(ran):
    page = ran[0]
    text = (page / SCRIPT).read_text(encoding="utf-8")
    assert {"cells", "cell_search", "transfer", "detection", "auto"} <= set(
        re.findall(r"^import (\w+)$", text, re.MULTILINE)
    )
    # What the page says that it writes.
    for name in ("nasnet_a.png", "runs/digits/evaluation.json", "exported/classifier.keras"):
        assert (page / name).is_file()


@pytest.mark.parametrize("package", PACKAGES)
def test_the_examples_of_public_names_say_the_truth(ran, package):
    lines = dict(re.findall(rf"^ran {package} (\w+) (\d+)$", ran[1], re.MULTILINE))
    names = functions_and_classes(package)
    assert [name for name in names if int(lines.get(name, 0)) == 0] == []
