"""BUILD says what the code imports: no more, no less, and nothing upwards."""

from __future__ import annotations

import ast
import importlib.metadata
import pathlib
import re
import sys
import tomllib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = ("cells", "cell_search", "transfer", "detection", "auto", "benchmarks")

#: Which packages of this project a package may import.
MAY_IMPORT = {
    "cells": set(),
    "cell_search": {"cells"},
    "transfer": {"cells"},
    "detection": {"cells", "transfer"},
    "auto": {"cells", "cell_search", "transfer"},
    "benchmarks": set(PACKAGES),
}


#: Modules that tests share, on their path (pyproject.toml).
HELPERS = {file.stem for file in (ROOT / "tests" / "helpers").glob("*.py")}

#: Imported only where an extra is installed, so neither locked nor built.
OPTIONAL = {
    "ConfigSpace",
    "botorch",
    "gpytorch",
    "nats_bench",
    "onnx",
    "onnxruntime",
    "ray",
    "tf2onnx",
    "timm",
    "torch",
}


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(files: list[pathlib.Path]) -> set[str]:
    """The top-level modules that files import, standard library and themselves left out."""
    found: set[str] = set()
    local = {file.stem for file in files} | HELPERS
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.add(node.module.split(".")[0])
    return found - OPTIONAL - set(sys.stdlib_module_names) - (local - set(PACKAGES))


def as_targets(modules: set[str], itself: str | None) -> set[str]:
    distributions = importlib.metadata.packages_distributions()
    targets = set()
    for module in modules - {itself}:
        if module in PACKAGES:
            targets.add(f":{module}")
        else:
            assert module in distributions, f"{module} belongs to no installed distribution"
            # tf_keras and tensorflow both ship one file under another's name; the first is it.
            names = sorted(normalised(d) for d in distributions[module])
            targets.add(names[0] if normalised(module) not in names else normalised(module))
    return targets


def build_targets() -> dict[str, dict]:
    """BUILD's targets by name: Starlark is read by Python's own parser."""
    targets = {}
    for statement in ast.parse((ROOT / "BUILD").read_text(encoding="utf-8")).body:
        call = getattr(statement, "value", None)
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
            continue
        if not call.func.id.startswith("py_"):
            continue
        values = {k.arg: k.value for k in call.keywords}
        deps = set()
        for item in getattr(values.get("deps"), "elts", []):
            if isinstance(item, ast.Call):
                deps.add(normalised(ast.literal_eval(item.args[0])))
            else:
                deps.add(ast.literal_eval(item))
        sources: set[pathlib.Path] = set()
        excluded: set[pathlib.Path] = set()
        for part in ast.walk(values["srcs"]):
            if isinstance(part, ast.keyword) and part.arg == "exclude":
                excluded |= {ROOT / name for name in ast.literal_eval(part.value)}
            elif isinstance(part, ast.Constant):
                sources.update(ROOT.glob(part.value))
        targets[ast.literal_eval(values["name"])] = {
            "rule": call.func.id,
            "deps": deps,
            "files": sorted(sources - excluded),
        }
    return targets


TARGETS = build_targets()


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_dependencies_are_those_of_the_imports(name):
    target = TARGETS[name]
    assert target["files"], f"{name}: its srcs match no file"
    itself = name if target["rule"] == "py_library" else None
    expected = as_targets(imported(target["files"]), itself)
    if target["rule"] == "py_test":
        # Console commands are run as programs, which no import shows.
        assert expected <= target["deps"]
        assert target["deps"] - expected <= {
            ":tests_common",
            ":tests_helpers",
            *(f":{p}" for p in PACKAGES),
        }
    else:
        assert target["deps"] == expected


def test_every_python_file_belongs_to_a_target():
    listed = {file for target in TARGETS.values() for file in target["files"]}
    folders = [ROOT / folder for folder in (*PACKAGES, "tests", "docs")]
    assert {f for folder in folders for f in folder.rglob("*.py")} == listed


def test_every_package_has_a_library_a_binary_and_a_test():
    rules = {(target["rule"], name) for name, target in TARGETS.items()}
    for package in PACKAGES:
        assert ("py_library", package) in rules
    for command in ("cells_cli", "cell_search_cli", "transfer_cli", "detection_cli"):
        assert ("py_binary", command) in rules
    for package in PACKAGES[:5]:
        assert ("py_test", f"{package}_test") in rules


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_one_way(package):
    files = set((ROOT / package).rglob("*.py"))
    # The program `cells` is no part of its library: one of its commands needs all stages.
    files.discard(ROOT / "cells" / "__main__.py")
    assert (imported(sorted(files)) & set(PACKAGES)) - {package} <= MAY_IMPORT[package]


def test_what_is_imported_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [r for group in project["optional-dependencies"].values() for r in group]
    declared = {
        normalised(re.match(r"[A-Za-z0-9_.-]+", requirement)[0])
        for requirement in [*project["dependencies"], *extras]
    }
    for target in TARGETS.values():
        missing = {d for d in target["deps"] if not d.startswith(":")} - declared
        assert not missing, f"pyproject.toml does not declare {sorted(missing)}"


def test_the_lock_pins_what_is_declared():
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pinned = {normalised(line.split("==")[0]): line.split("==")[1] for line in lines if line}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for requirement in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        assert normalised(re.match(r"[A-Za-z0-9_.-]+", requirement)[0]) in pinned
    # Model Garden's COCO evaluator dies under numpy 2.4.
    assert tuple(map(int, pinned["numpy"].split(".")[:2])) < (2, 4)
    # An unpinned tf-keras pulls a TensorFlow of its own minor version beside ours.
    assert pinned["tf-keras"].startswith("2.20.") and pinned["tensorflow"].startswith("2.20.")
