"""Runs the commands of the documentation: `python tests/docs/run_documented.py [PAGE ...]`.

Each page has a folder of its own, in which its commands run in their order, as they are printed or
with the options of `shortened.yaml`. Says of each what came of it, and ends with 1 where one fails.
`make docs-test` puts `tests/helpers` on Python's path.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter

import documented_commands as documented
import shortening
from folders import write
from forked_commands import run_forked
from PIL import Image

from benchmarks.commands import PACKAGES

ROOT = documented.ROOT

#: The cells that a reader is taken to have found.
LIGHT = ROOT / "tests" / "transfer" / "light.json"

FLOWERS = {"red": 30, "green": 30}


def make_files(folder: pathlib.Path, page: str) -> None:
    """What the reader of a page has.

    Args:
        folder: the current one of its commands.
        page: its name.
    """
    (folder / "configs").symlink_to(ROOT / "configs")
    (folder / "benchmarks").symlink_to(ROOT / "benchmarks")
    write(folder / "flowers", FLOWERS)
    Image.new("RGB", (48, 40), "white").save(folder / "photo.jpg")
    (folder / "holiday").mkdir()
    for name in ("beach.jpg", "sea.jpg"):
        Image.new("RGB", (64, 48), "navy").save(folder / "holiday" / name)
    (folder / "genotype.json").write_bytes(LIGHT.read_bytes())
    (folder / "mine.json").write_bytes(LIGHT.read_bytes())
    write_boxes(folder)
    for name, source in shortening.page(page).files.items():
        (folder / name).write_text(content(page, source), encoding="utf-8")
    if page == "cells --help":
        run_forked(
            "cells", *["convert", "darts_v2", "--to=darts", "-o", "darts.txt"], folder=folder
        )


def write_boxes(folder: pathlib.Path) -> None:
    """COCO files of a training and a validation set, and the archive with their images."""
    boxes = [[1, 2, 10, 8], [4, 4, 6, 12]]
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        for path in sorted((folder / "flowers" / "red").glob("*.png"))[:4]:
            archive.write(path, path.name)
        names = sorted(archive.namelist())
    for part, own in (("train", names[:2]), ("val", names[2:])):
        values = {
            "images": [
                {"id": i, "file_name": name, "height": 16, "width": 16}
                for i, name in enumerate(own, 1)
            ],
            "annotations": [
                {"id": i, "image_id": i, "category_id": i, "bbox": box}
                for i, box in enumerate(boxes, 1)
            ],
            "categories": [{"id": 1, "name": "rose"}, {"id": 2, "name": "tulip"}],
        }
        (folder / f"{part}.json").write_text(json.dumps(values), encoding="utf-8")


def content(page: str, source: str) -> str:
    """The text of a file: of one of this project, or as a page shows it.

    Args:
        page: that names the file.
        source: a path; or `block: LANGUAGE` of this page, or `PAGE: LANGUAGE`; or `block: # NAME`,
            an indented block that begins so; or `python: WORD`, all Python with that word.
    """
    where, colon, language = source.partition(": ")
    if not colon:
        return (ROOT / source).read_text(encoding="utf-8")
    if where == "python":
        return "\n\n".join(script for script in documented.scripts(page) if language in script)
    if language.startswith("#"):
        return documented.indented(page, language)
    return documented.block(page if where == "block" else where, language)


def run_page(name: str, commands: list[documented.Command], folder: pathlib.Path) -> Counter[str]:
    """Runs the commands of a page, and prints what came of each.

    Returns:
        How many ran as printed, ran shortened, did not run, and failed.
    """
    make_files(folder, name)
    counts: Counter[str] = Counter()
    before = [documented.Command(name, text) for text in shortening.page(name).before]
    calls = [(command, shortening.Call(tuple(command.words), True)) for command in before]
    calls += [(command, shortening.call(command)) for command in commands]
    print(f"\n{name}", flush=True)
    for command, call in calls:
        began = time.monotonic()
        said = call.why_not
        kind = "not run" if said else "shortened" if call.shortened else "as printed"
        if not said:
            program, *arguments = call.words
            done = run_forked(PACKAGES[program], *arguments, folder=folder)
            said = f"{time.monotonic() - began:.0f} s"
            if done.returncode:
                kind = "failed"
                said += f", exit code {done.returncode}\n{' '.join(call.words)}\n"
                said += f"{done.stdout[-1500:]}\n{done.stderr[-3000:]}"
        if command not in before or kind == "failed":
            counts[kind] += 1
        print(f"  {kind:10} {' '.join(command.text.split())}\n             {said}", flush=True)
    if scripts := documented.scripts(name) if name.endswith((".md", ".ipynb")) else []:
        kind, said = run_python(name, "\n\n".join(scripts), folder)
        counts[kind] += len(scripts)
        print(f"  {kind:10} {len(scripts)} blocks of Python\n             {said}", flush=True)
    return counts


def run_python(name: str, script: str, folder: pathlib.Path) -> tuple[str, str]:
    """Runs the Python of a page, or a notebook, in a process of its own; gives what came of it,
    and words."""
    if why := shortening.page(name).no_python:
        return "not run", why
    began = time.monotonic()
    if name.endswith(".ipynb"):
        # What `jupyter execute` does: a kernel shows what a cell gives, which a script does not.
        words = ["-c", "from nbclient.cli import main; main()", pathlib.Path(name).name]
        (folder / words[-1]).write_bytes((ROOT / name).read_bytes())
    else:
        words = ["page.py"]
        (folder / "page.py").write_text(script, encoding="utf-8")
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    said = f"{time.monotonic() - began:.0f} s"
    if done.returncode:
        return "failed", f"{said}\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}"
    return "as printed", said


def main(wanted: list[str]) -> int:
    """Runs pages, all if none is named; gives the exit code."""
    known = documented.pages()
    unknown = set(wanted) - set(known)
    assert not unknown, f"{unknown}: pages with commands are {', '.join(known)}"
    table = {}
    with tempfile.TemporaryDirectory(prefix="documented-") as root:
        os.environ.setdefault("CELLS_CACHE_DIR", str(pathlib.Path(root, "cache")))
        for number, name in enumerate(wanted or known):
            folder = pathlib.Path(root, f"page{number}")
            folder.mkdir()
            table[name] = run_page(name, known[name], folder)
    kinds = ("as printed", "shortened", "not run", "failed")
    print(f"\n{'':45}" + "".join(f"{kind:>12}" for kind in kinds))
    for name, counts in table.items():
        print(f"{name:45}" + "".join(f"{counts[kind]:12}" for kind in kinds))
    total = sum(table.values(), Counter())
    print(f"{'all':45}" + "".join(f"{total[kind]:12}" for kind in kinds))
    return int(total["failed"] > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
