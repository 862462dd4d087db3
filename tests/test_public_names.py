"""The front doors of the packages: their names, and what is said of each."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pathlib
import re
import subprocess
import sys

import pytest

from benchmarks.house.modules import product_packages, read_modules

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = [
    package
    for package in product_packages(ROOT)
    if hasattr(importlib.import_module(package), "__all__")
]


def functions_and_classes(package: str) -> list[str]:
    """The public names of a package that have a docstring of their own, unlike tables."""
    door = importlib.import_module(package)
    things = {name: getattr(door, name) for name in door.__all__}
    return [n for n, thing in things.items() if inspect.isfunction(thing) or inspect.isclass(thing)]


#: Imports all modules of packages, then says what each public name is.
LOOK = """
import importlib, json, sys
for package, modules in json.loads(sys.argv[1]).items():
    for module in modules:
        importlib.import_module(module)
for package in json.loads(sys.argv[1]):
    door = importlib.import_module(package)
    for name in door.__all__:
        print(package, name, type(getattr(door, name)).__name__, name in dir(door))
"""


def python(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_packages_have_front_doors():
    assert set(PACKAGES) == set(product_packages(ROOT))


@pytest.fixture(scope="module")
def looked() -> list[list[str]]:
    """Package, name, kind and whether it is listed, of each public name where all is imported."""
    modules = {
        package: [
            module.name
            for module in read_modules(ROOT, [package])
            if not module.is_main and not module.name.startswith("cell_search.pools._ray")
        ]
        for package in PACKAGES
    }
    lines = python("-c", LOOK, json.dumps(modules)).splitlines()
    return [line.split() for line in lines if line.endswith((" True", " False"))]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_takes_the_place_of_a_public_name(looked, package):
    kinds = [line[1:] for line in looked if line[0] == package]
    assert [name for name, *_ in kinds] == importlib.import_module(package).__all__
    assert not [name for name, kind, listed in kinds if kind == "module" or listed == "False"]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_front_door_is_opened_without_tensorflow(package):
    shown = python(
        "-c",
        f"import sys, {package}; dir({package}); print(*sorted(sys.modules))",
    )
    loaded = {name.split(".")[0] for name in shown.split()}
    assert not loaded & {"tensorflow", "keras", "tf_keras", "numpy", "absl", "optuna", "official"}


@pytest.mark.parametrize("package", PACKAGES)
def test_type_checkers_see_what_is_imported(package):
    """They read the imports under TYPE_CHECKING, of which the lazy table is made."""
    door = importlib.import_module(package)
    tree = ast.parse(pathlib.Path(door.__file__).read_text(encoding="utf-8"))
    typed = {
        alias.asname or alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    lazy = [name for name in door.__all__ if name != "__version__"]
    assert sorted(typed) == sorted(lazy)
    for name, module in typed.items():
        assert getattr(importlib.import_module(module), name) is getattr(door, name)


def test_a_name_that_does_not_exist_is_refused():
    import cells

    with pytest.raises(AttributeError, match="module 'cells' has no attribute 'genotypes'"):
        cells.genotypes  # noqa: B018


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_public_is_documented(package):
    for name in functions_and_classes(package):
        check_docstring(getattr(importlib.import_module(package), name))


def check_docstring(thing: object) -> None:
    text = inspect.getdoc(thing) or ""
    sections = set(re.findall(r"^(Args|Attributes|Returns|Raises|Example):$", text, re.MULTILINE))
    if inspect.isfunction(thing):
        signature = inspect.signature(thing)
        expected = {"Example", *(["Args"] if signature.parameters else [])}
        if signature.return_annotation not in (None, "None"):
            expected.add("Returns")
        arguments = text.partition("Args:\n")[2].partition("\n\n")[0]
        for parameter in signature.parameters:
            assert re.search(rf"\b{parameter}\b.*:", arguments), parameter
            assert signature.parameters[parameter].annotation is not inspect.Parameter.empty
        assert signature.return_annotation is not inspect.Signature.empty
    else:
        expected = {"Example"}
    assert expected <= sections, thing
