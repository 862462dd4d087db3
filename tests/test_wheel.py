"""What is installed from a wheel."""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

from benchmarks.house.modules import product_packages

ROOT = pathlib.Path(__file__).parents[1]


def test_a_wheel_holds_the_tracked_files_of_the_packages_the_configurations_and_the_pages(tmp_path):
    if not (ROOT / ".git").exists():
        pytest.skip("no git check-out, so nothing says which files are tracked")
    code, configs = _tracked(*product_packages(ROOT)), _tracked("configs")
    pages = _tracked("docs/*.md")
    assert {pathlib.PurePath(name).suffix for name in code} >= {".py", ".json"}
    assert {"configs/search/digits_demo.yaml", "configs/cluster/Dockerfile"} <= configs
    assert "docs/search.md" in pages

    source = tmp_path / "source"
    for name in {"README.md", "setup.py", *code, *configs, *_tracked("docs")}:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    # A new environment of Python 3.11 has setuptools 65, which does not know how the licence is
    # named today and refuses it. It finds packages and data as later ones do.
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = re.sub(r"^license.*\n", "", project, flags=re.MULTILINE)
    (source / "pyproject.toml").write_text(project, encoding="utf-8")

    build = f"from setuptools import build_meta; build_meta.build_wheel({str(tmp_path)!r})"
    done = subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    (wheel,) = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    # No package `configs` or `docs` of ours among those of other projects.
    assert held == code | {f"cells/_{name}" for name in configs | pages}


def _tracked(*paths: str) -> set[str]:
    command = ["git", "ls-files", "-z", "--", *paths]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return set(listed.strip("\0").split("\0"))
