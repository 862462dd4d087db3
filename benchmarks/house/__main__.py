"""Measures the shape of the code: folders, circles of imports, files, docstrings and lines.

  python -m benchmarks.house               this repository
  python -m benchmarks.house --root=PATH   another check-out

The limits stand in benchmarks/house/limits.py.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.house import circles, docstrings, lines
from benchmarks.house.imports import find_imports
from benchmarks.house.limits import LIMITS
from benchmarks.house.modules import (
    Module,
    folders_without_init,
    modules_by_folder,
    product_packages,
    read_modules,
)
from benchmarks.report import Figure, observed, print_figures, required

#: Folders of fewer modules are listed: they may be one file, or belong to a neighbour.
SMALL_FOLDER = 3


def main() -> None:
    """Prints what a person needs to mend the figures, then the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[2], help="a check-out")
    root = parser.parse_args().root
    product = read_modules(root, product_packages(root))
    figures = [
        *_folder_figures(product),
        *_circle_figures(product),
        *_file_figures(product),
        *_docstring_figures(product),
        *_line_figures(product, read_modules(root, ["tests"])),
    ]
    print_figures(figures)


def _folder_figures(product: list[Module]) -> list[Figure]:
    folders = modules_by_folder(product)
    print("modules of each folder")
    largest = "modules of the largest folder"
    for folder, count in folders.items():
        over = "" if required(LIMITS, largest, count).ok else " too many"
        print(f"  {count:3} {folder}{over}")
    small = [name for name, count in folders.items() if count < SMALL_FOLDER]
    without = folders_without_init(product)
    print(f"of fewer than {SMALL_FOLDER}: {', '.join(small) or 'none'}")
    print(f"without __init__.py: {', '.join(without) or 'none'}\n")
    return [
        required(LIMITS, largest, max(folders.values())),
        observed("folders", len(folders)),
        observed(f"folders of fewer than {SMALL_FOLDER} modules", len(small)),
        required(LIMITS, "folders without __init__.py", len(without)),
    ]


def _circle_figures(product: list[Module]) -> list[Figure]:
    imports = find_imports(product)
    figures = []
    for name, found in (
        ("circles of imports between folders", circles.folder_circles(imports)),
        ("circles of imports between files at load time", circles.file_circles(imports)),
    ):
        print(f"{name}: {len(found) or 'none'}")
        for circle in found:
            print(circle)
        print()
        members = sum(len(circle.members) for circle in found)
        figures.append(required(LIMITS, name, len(found)))
        figures.append(observed(f"members of {name}", members))
    return figures


def _file_figures(product: list[Module]) -> list[Figure]:
    print("the longest files")
    for module in sorted(product, key=lines.total_lines, reverse=True)[:5]:
        print(f"  {lines.total_lines(module):4} {module.path}")
    print()
    median, p90, largest = lines.spread(product)
    return [
        required(LIMITS, "lines of a module, median", median),
        observed("lines of a module, 90th percentile", round(p90)),
        observed("lines of the longest file", largest),
    ]


def _docstring_figures(product: list[Module]) -> list[Figure]:
    functions = docstrings.public_functions(product)
    name = "public functions with arguments"
    shares = {
        section: round(docstrings.section_share(functions, section), 3)
        for section in docstrings.SECTIONS
    }
    return [
        observed(name, sum(function.has_arguments for function in functions)),
        required(LIMITS, f"{name}, share with Args", shares.pop("Args")),
        *(observed(f"{name}, share with {key}", its) for key, its in shares.items()),
    ]


def _line_figures(product: list[Module], tests: list[Module]) -> list[Figure]:
    def total(modules: list[Module]) -> int:
        return sum(map(lines.total_lines, modules))

    def logic(modules: list[Module]) -> int:
        return sum(map(lines.logic_lines, modules))

    return [
        observed("files of the product", len(product)),
        observed("lines of the product", total(product)),
        required(LIMITS, "lines of logic of the product", logic(product)),
        observed("lines of the tests", total(tests)),
        observed("lines of logic of the tests", logic(tests)),
    ]


if __name__ == "__main__":
    main()
