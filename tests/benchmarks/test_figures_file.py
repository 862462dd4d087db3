"""The rows of this repository, the limits of its benchmarks, and the pages that quote rows."""

from __future__ import annotations

import ast
import pathlib

from benchmarks.figures import FIGURES, ROOT
from benchmarks.recording import check, limits, quotes


def test_every_row_every_limit_and_every_quote_is_right():
    found = check.check(ROOT, FIGURES)
    assert found.wrong == []
    assert found.counts["requirement"] > 0


def test_benchmarks_have_limits_that_wrong_programs_miss():
    tables = {name: limits.of_command(command, ROOT) for name, command in FIGURES.items()}
    # Of these nothing is required.
    without = {name for name, table in tables.items() if not table}
    assert without == {"12-children-needed", "17-skip-connections"}


def test_the_pages_that_people_choose_by_quote_rows():
    marked = {page.name for page in quotes.pages(ROOT) if "<!-- fig " in page.read_text("utf-8")}
    assert marked >= {"evidence.md", "scale.md", "search.md", "auto.md", "detection.md"}


def test_benchmarks_import_what_is_there():
    """They are run by hand only, so nothing else would notice."""
    for path in sorted((ROOT / "benchmarks").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("benchmarks"):
                known = _names(ROOT / (node.module or "").replace(".", "/"))
                missing = [name.name for name in node.names if name.name not in known]
                assert not missing, f"{path}: {node.module} has no {missing}"


def _names(module: pathlib.Path) -> set[str]:
    """What can be imported from a module or package."""
    inside = {file.stem for file in module.glob("*.py")}
    file = (
        module.with_suffix(".py") if module.with_suffix(".py").exists() else module / "__init__.py"
    )
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            inside.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            inside |= {name.asname or name.name for name in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            inside |= {
                name.id for t in targets for name in ast.walk(t) if isinstance(name, ast.Name)
            }
    return inside
