"""The shape of the code: how it is measured, and that folders and imports keep to their limits."""

from __future__ import annotations

import ast
import json
import pathlib
import subprocess
import sys
import textwrap

import pytest

from benchmarks.house.circles import file_circles, folder_circles
from benchmarks.house.docstrings import public_functions, section_share
from benchmarks.house.imports import find_imports
from benchmarks.house.limits import LIMITS
from benchmarks.house.lines import logic_lines, spread, total_lines
from benchmarks.house.modules import (
    Module,
    folders_without_init,
    modules_by_folder,
    product_packages,
    read_modules,
)
from benchmarks.recording.limits import holds

ROOT = pathlib.Path(__file__).parents[1]


def write(root: pathlib.Path, files: dict[str, str]) -> list[Module]:
    """Writes files below a folder, with an `__init__.py` where none is given, and reads them."""
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        for folder in file.relative_to(root).parents[:-1]:
            (root / folder / "__init__.py").touch()
    return read_modules(root, sorted({name.split("/")[0] for name in files}))


def module(text: str) -> Module:
    text = textwrap.dedent(text)
    return Module("m", pathlib.Path("m.py"), text, ast.parse(text))


def between_folders(root: pathlib.Path, files: dict[str, str]) -> list[tuple[str, ...]]:
    return [circle.members for circle in folder_circles(find_imports(write(root, files)))]


def between_files(root: pathlib.Path, files: dict[str, str]) -> list[tuple[str, ...]]:
    return [circle.members for circle in file_circles(find_imports(write(root, files)))]


# Folders.


def test_modules_of_a_folder_are_counted_without_init_main_and_data(tmp_path):
    files = {f"p/full/m{number}.py": "" for number in range(16)}
    files |= {"p/full/__main__.py": "", "p/full/table.json": "{}", "p/small/one.py": ""}
    assert modules_by_folder(write(tmp_path, files)) == {"p.full": 16, "p.small": 1, "p": 0}


def test_a_folder_without_init_is_named(tmp_path):
    write(tmp_path, {"p/a/x.py": "", "p/b/y.py": "", "p/b/data/z.json": "{}"})
    (tmp_path / "p/b/__init__.py").unlink()
    assert folders_without_init(read_modules(tmp_path, ["p"])) == ["p.b"]


def test_the_product_is_what_pyproject_installs(tmp_path):
    write(tmp_path, {"cells/a.py": "", "cells_more/b.py": "", "tests/c.py": "", "cells_out/d": ""})
    (tmp_path / "cells_out/__init__.py").unlink()
    (tmp_path / "pyproject.toml").write_text(
        '[tool.setuptools.packages.find]\ninclude = ["cells*"]\n', encoding="utf-8"
    )
    assert product_packages(tmp_path) == ["cells", "cells_more"]


# Imports and their circles.


@pytest.mark.parametrize(
    ("statement", "target", "when"),
    [
        ("import p.b.y", "p.b.y", "at load time"),
        ("import p.b.y as short, json", "p.b.y", "at load time"),
        ("from p.b import y", "p.b.y", "at load time"),
        ("from p.b import name", "p.b", "at load time"),
        ("from p.b.y import name", "p.b.y", "at load time"),
        ("from ..b import y", "p.b.y", "at load time"),
        ("from ..b.y import name", "p.b.y", "at load time"),
        ("from . import z", "p.a.z", "at load time"),
        ("from .. import name", "p", "at load time"),
        ("class C:\n    import p.b.y", "p.b.y", "at load time"),
        ("try:\n    import p.b.y\nexcept ImportError: ...", "p.b.y", "at load time"),
        ("def f():\n    from p.b import y", "p.b.y", "lazily"),
        ("async def f():\n    if f:\n        import p.b.y", "p.b.y", "lazily"),
        ("if __name__ == '__main__':\n    import p.b.y", "p.b.y", "lazily"),
        ("import importlib\nimportlib.import_module('p.b.y')", "p.b.y", "lazily"),
        ("if TYPE_CHECKING:\n    from p.b import y", "p.b.y", "for types"),
        ("if typing.TYPE_CHECKING:\n    from p.b import y", "p.b.y", "for types"),
        ("if TYPE_CHECKING: ...\nelse:\n    import p.b.y", "p.b.y", "at load time"),
    ],
)
def test_an_import_is_resolved(tmp_path, statement, target, when):
    modules = write(tmp_path, {"p/a/x.py": statement, "p/a/z.py": "", "p/b/y.py": "name = 1"})
    (found,) = find_imports(modules)
    assert (found.source.name, found.target.name, found.when) == ("p.a.x", target, when)
    assert "import" in statement.splitlines()[found.line - 1]


@pytest.mark.parametrize(
    "table",
    [
        '_EXPORTS = {"name": "p.b.y"}',
        '_lazy = {"p.b.y": ("name", "other")}',
        '_EXPORTS = {"name": "..b.y"}',
        '__getattr__ = lazy(__name__, name="p.b.y")',
        'def __getattr__(name):\n    return getattr(import_module({"name": "p.b.y"}[name]), name)',
    ],
)
def test_a_table_of_lazy_exports_is_read(tmp_path, table):
    modules = write(tmp_path, {"p/a/__init__.py": table, "p/b/y.py": "from p.a import name"})
    assert [(i.source.name, i.target.name) for i in find_imports(modules)] == [
        ("p.a", "p.b.y"),
        ("p.b.y", "p.a"),
    ]
    assert [c.members for c in folder_circles(find_imports(modules))] == [("p.a", "p.b")]


def test_a_lazy_export_from_below_is_no_link_between_folders(tmp_path):
    # `transfer.run` is a module of p.weights here, not the package beside it.
    files = {
        "p/weights/__init__.py": '_EXPORTS = {"copy": "transfer.run", "x": ".transfer.run"}',
        "p/weights/transfer/run.py": "",
        "transfer/run.py": "import p.weights",
    }
    assert between_folders(tmp_path, files) == []


def test_a_lazy_circle_between_folders(tmp_path):
    files = {
        "p/a/x.py": "\nfrom p.b import y",
        "p/b/y.py": "",
        "p/b/late.py": "def f():\n    from p.c.z import name",
        "p/c/z.py": "name = 1\nif TYPE_CHECKING:\n    from ..a.x import X",
        "p/outside/w.py": "from p.a import x",
    }
    modules = write(tmp_path, files)
    (circle,) = folder_circles(find_imports(modules))
    assert circle.members == ("p.a", "p.b", "p.c")
    assert {link: len(imports) for link, imports in circle.links.items()} == {
        ("p.a", "p.b"): 1,
        ("p.b", "p.c"): 1,
        ("p.c", "p.a"): 1,
    }
    assert f"{pathlib.Path('p/b/late.py')}:2 imports p.c.z lazily" in str(circle)
    assert file_circles(find_imports(modules)) == []


def test_a_circle_of_types_is_one_between_folders_only(tmp_path):
    files = {"p/a/x.py": "import p.b.y", "p/b/y.py": "if TYPE_CHECKING:\n    import p.a.x"}
    assert between_folders(tmp_path, files) == [("p.a", "p.b")]
    assert between_files(tmp_path, files) == []


def test_two_circles_are_two(tmp_path):
    files = {
        "p/a/x.py": "import p.b.y",
        "p/b/y.py": "import p.a.x, p.c.x",
        "p/c/x.py": "import p.d.y",
        "p/d/y.py": "import p.c.x",
    }
    assert between_folders(tmp_path, files) == [("p.a", "p.b"), ("p.c", "p.d")]


def test_folders_above_and_below_form_no_circle(tmp_path):
    files = {
        "p/__init__.py": "from p.a.deep.x import name",
        "p/top.py": "import p.a.deep.x",
        "p/a/deep/x.py": "import p.top\nname = 1",
        # Its name begins like that of its neighbour, which is no folder above it.
        "p/ab/y.py": "",
    }
    assert between_folders(tmp_path, files) == []
    assert between_folders(tmp_path, {"p/ab/y.py": "import p.a.z", "p/a/z.py": "import p.ab.y"})


def test_a_name_of_an_init_is_an_import_of_that_folder(tmp_path):
    files = {
        "p/a/__init__.py": "from p.b.y import name",
        "p/b/y.py": "name = 1",
        "p/b/user.py": "from p.a import name",
    }
    assert between_folders(tmp_path, files) == [("p.a", "p.b")]


def test_a_program_may_use_what_uses_its_package(tmp_path):
    files = {"p/__main__.py": "import q.x", "p/y.py": "", "q/x.py": "import p.y"}
    assert between_folders(tmp_path, files) == []


def test_a_circle_between_files_at_load_time(tmp_path):
    files = {"p/a.py": "import p.b", "p/b.py": "from . import c", "p/c.py": "from p.a import name"}
    names = tuple(str(pathlib.Path(f"p/{name}.py")) for name in "abc")
    assert between_files(tmp_path, files) == [names]
    # Python stumbles over it, too.
    command = [sys.executable, "-c", "import p.a"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "circular import" in done.stderr


def test_an_init_and_its_modules_are_a_circle_only_by_statements(tmp_path):
    files = {"p/__init__.py": "from p.a import name", "p/a.py": "from p import b", "p/b.py": ""}
    assert between_files(tmp_path, files) == []
    back = {"p/b.py": "from p import name"}
    names = tuple(str(pathlib.Path(f"p/{name}.py")) for name in ("__init__", "a", "b"))
    assert between_files(tmp_path, files | back) == [names]


# Docstrings.


def test_sections_of_public_functions(tmp_path):
    public = '''
        def documented(path, *, mode="r"):
            """Does it.

            Args:
                path: of a file.

            Raises:
                ValueError: always.

            Examples:
                documented("x")
            """

        def prose(path):
            """Of the heading Args: only a line of its own counts."""

        def bare():
            """No arguments."""

        def _private(x): ...

        class Thing:
            def __init__(self, x): ...

            def method(self):
                """Takes nothing else."""

            @property
            def value(self): ...

            @staticmethod
            def static(x): ...

            @classmethod
            def of(cls, *values):
                """Makes one.

                Args:
                    values: some.
                """

        class _Hidden:
            def method(self, x): ...
    '''
    hidden = 'def shown(x):\n    """Args:\n        x: one.\n    """\n\ndef kept(x): ...\n'
    files = {
        "p/__init__.py": "from p._hidden import shown",
        "p/public.py": public,
        "p/_hidden.py": hidden,
        "p/q/__init__.py": '_EXPORTS = {"lazy": "p.q._lazy"}',
        "p/q/_lazy.py": "def lazy(x): ...\ndef other(x): ...",
    }
    functions = public_functions(write(tmp_path, files))
    assert [function.name for function in functions if function.has_arguments] == [
        "p._hidden.shown",
        "p.public.documented",
        "p.public.prose",
        "p.public.Thing.static",
        "p.public.Thing.of",
        "p.q._lazy.lazy",
    ]
    assert [function.name for function in functions if not function.has_arguments] == [
        "p.public.bare",
        "p.public.Thing.method",
        "p.public.Thing.value",
    ]
    assert section_share(functions, "Args") == 3 / 6
    assert section_share(functions, "Raises") == 1 / 6
    assert section_share(functions, "Example") == 1 / 6


# Lines.


def test_lines_of_logic_by_hand():
    text = '''\
        """A docstring
        of two lines."""

        import json  # logic: 1

        # A comment.
        LIMIT = (  # logic: 2
            1,  # 3

            # Another one.
        )  # 4
        """What it is for."""


        class Thing:  # 5
            """One line."""

            def method(self): ...  # 6

            def text(self):  # 7
                """More

                lines.
                """
                return """8

                9 # no comment
                """  # 10
    '''
    assert logic_lines(module(text)) == 10
    assert total_lines(module(text)) == 28


def test_files_are_spread_by_hand(tmp_path):
    files = {f"p/m{number}.py": "x = 1\n" * number for number in range(1, 12)}
    files |= {"p/__main__.py": "x = 1\n" * 50}
    # Of 1 to 11 lines the tenth step of ten is at 10; the program is only the longest file.
    assert spread(write(tmp_path, files)) == (6, 10, 50)


# This repository.


def test_the_command_ends_in_figures_and_imports_no_tensorflow(tmp_path):
    write(tmp_path, {"p/a.py": "def f(x): ...\n", "p/b.py": "", "tests/t.py": "\n# one\n"})
    (tmp_path / "pyproject.toml").write_text(
        '[tool.setuptools.packages.find]\ninclude = ["p"]\n', encoding="utf-8"
    )
    command = [sys.executable, "-X", "importtime", "-m", "benchmarks.house", f"--root={tmp_path}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "tensorflow" not in done.stderr and "keras" not in done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])["figures"]
    values = {figure["name"]: figure["value"] for figure in figures}
    assert values["modules of the largest folder"] == 2
    assert values["public functions with arguments"] == 1
    assert (values["lines of the product"], values["lines of the tests"]) == (1, 2)


def test_this_repository_keeps_to_the_limits():
    product = read_modules(ROOT, product_packages(ROOT))
    assert {m.folder for m in product} >= {"cells", "cell_search", "transfer", "detection", "auto"}
    counts = modules_by_folder(product).items()
    limit, *_ = LIMITS["modules of the largest folder"]
    imports = find_imports(product)
    problems = [
        *(f"{name}: {n} modules" for name, n in counts if not holds(limit, n)),
        *(f"{name}: no __init__.py" for name in folders_without_init(product)),
        *map(str, folder_circles(imports)),
        *map(str, file_circles(imports)),
    ]
    assert not problems, "\n".join(problems)
