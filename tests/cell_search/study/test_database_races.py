"""Searches that begin at the same moment on a new database all find their studies."""

from __future__ import annotations

import pathlib
import subprocess
import sys

from search_commands import ROOT

#: Waits for the others, then opens a search of its own in the common database.
PROGRAM = """
import pathlib, sys, time
from cell_search.study.directory import SearchDirectory
folder, number, count = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
directory = SearchDirectory(folder / number)
with directory.locked():
    directory.store_config({"storage": f"sqlite:///{folder}/all.db", "study": f"study {number}"})
    (folder / f"{number}.ready").touch()
    while len(list(folder.glob("*.ready"))) < count:
        time.sleep(0.001)
    print(directory.open_study().study_name)
"""


def test_four_searches_make_one_new_database(tmp_path: pathlib.Path) -> None:
    count = 4
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path), str(number), str(count)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(count)
    ]
    said = [process.communicate() for process in processes]
    assert [out.strip() for out, _ in said] == [f"study {n}" for n in range(count)], said
