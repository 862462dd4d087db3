"""A wheel in a new environment, with whatever versions pip finds today (`make test-extras`)."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from benchmarks.house.modules import product_packages

ROOT = pathlib.Path(__file__).parents[1]

pytestmark = pytest.mark.extras


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The folder of the commands of that environment."""
    folder = tmp_path_factory.mktemp("fresh")
    # Of a copy, so that nothing is built where the project lies.
    (folder / "source").mkdir()
    for name in ("README.md", "LICENSE", "pyproject.toml", "setup.py"):
        shutil.copyfile(ROOT / name, folder / "source" / name)
    for name in (*product_packages(ROOT), "configs", "docs"):
        shutil.copytree(ROOT / name, folder / "source" / name)
    called(folder, sys.executable, "-m", "pip", "wheel", "--no-deps", "./source")
    called(folder, sys.executable, "-m", "venv", "environment")
    (wheel,) = folder.glob("*.whl")
    python = folder / "environment" / "bin" / "python"
    called(folder, python, "-m", "pip", "install", wheel)
    called(folder, python, "-m", "pip", "check")
    return python.parent


def called(folder: pathlib.Path, *command: object) -> str:
    """What a command prints that runs in a folder and knows nothing of this environment."""
    ours = ("PYTHONPATH", "VIRTUAL_ENV", "CELLS_DATA_DIR")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, env=kept, capture_output=True, text=True)
    assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-4000:])
    return done.stdout


def test_the_catalogue_and_the_pages_are_there(commands, tmp_path):
    assert "nasnet_a" in called(tmp_path, commands / "cells", "list")
    page = (ROOT / "docs" / "search.md").read_text(encoding="utf-8")
    assert called(tmp_path, commands / "cells", "docs", "search").strip() == page.strip()


@pytest.mark.parametrize("config", ["digits_demo", "configs/search/digits_demo.yaml"])
def test_a_search_by_the_name_of_a_configuration(commands, tmp_path, config):
    called(
        tmp_path,
        commands / "cell-search",
        f"--config_file={config}",
        "--search_dir=search",
        "--data_dir=data",
        "--params_override=trials=1,evaluator.train.epochs=1,images.training=64,images.held_out=64",
    )
    called(tmp_path, commands / "cells", "validate", "search/genotype.json")


def test_a_folder_of_images_becomes_a_classifier(commands, tmp_path):
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    for place, (image, label) in enumerate(zip(digits.images[:400], digits.target, strict=False)):
        if label < 2:
            file = tmp_path / "images" / str(label) / f"{place}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((image * 15.9).astype("uint8")).convert("RGB").save(file)
    output = ("--output=mine", "--budget=90s")
    told = called(tmp_path, commands / "cells", "auto", "--images=images", *output)
    # A zero has no ink in its middle, a one all of it.
    assert float(told.rsplit("accuracy ", 1)[1].partition("%")[0]) >= 90.0
    assert list((tmp_path / "mine" / "exported").glob("*.keras"))
