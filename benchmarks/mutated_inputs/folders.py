"""Readers of the folders of a search and of a training, one of whose files is damaged."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.mutated_inputs.mutations import mutate_json, mutate_text
from benchmarks.mutated_inputs.reader import Reader

#: Between the name of the file that is damaged and its content.
_BETWEEN = b"%%\n"


@functools.cache
def _search() -> dict[str, bytes]:
    """The files of a search that has ended, by name."""
    import cell_search

    def joined(genotype: Any) -> float:
        return float(len(genotype.normal.concat))

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "search")
        cell_search.search(score=joined, trials=4, directory=folder, strategy="random")
        names = ("study.journal", "config.yaml", "genotype.json")
        return {name: (folder / name).read_bytes() for name in names}


@functools.cache
def _run() -> dict[str, bytes]:
    """The files that a training writes before its first step, by name."""
    from cells.genotype import catalogue
    from transfer.config import configure
    from transfer.runs import model_dir

    with tempfile.TemporaryDirectory() as folder:
        params = configure.configure(configure.experiment(), genotype=catalogue.load("nasnet_a"))
        model_dir.prepare(folder, params, ("cat", "dog"))
        names = (model_dir.PARAMS, model_dir.GENOTYPE, model_dir.CLASSES)
        return {name: Path(folder, name).read_bytes() for name in names}


def _each(files: Callable[[], dict[str, bytes]]) -> Callable[[], list[bytes]]:
    return lambda: [name.encode() + _BETWEEN + text for name, text in files().items()]


def _mutate(random: Random, content: bytes) -> bytes:
    """The name stays."""
    name, mark, text = content.partition(_BETWEEN)
    is_json = name.endswith(b".json") and random.random() < 0.7
    return name + mark + (mutate_json if is_json else mutate_text)(random, text)


def _write(files: dict[str, bytes], content: bytes, folder: Path) -> None:
    name, _, text = content.partition(_BETWEEN)
    for each, whole in files.items():
        (folder / each).write_bytes(text if each == name.decode() else whole)


def _read_search(content: bytes, folder: Path) -> None:
    import cell_search

    _write(_search(), content, folder)
    result = cell_search.open_search(folder)
    assert len(result.trials) <= 4, "has more trials than there were"


def _read_run(content: bytes, folder: Path) -> None:
    from transfer.runs import model_dir

    _write(_run(), content, folder)
    params = model_dir.read_params(str(folder))
    names = model_dir.class_names(str(folder))
    assert all(isinstance(name, str) for name in names)
    assert params.task.model.cells.load_genotype().normal.blocks


READERS = {
    "search_directory": Reader(_each(_search), _mutate, _read_search),
    "model_directory": Reader(_each(_run), _mutate, _read_run),
}
