"""Readers of genotypes, of their notations, of settings, of weights and of tables."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np

from benchmarks.mutated_inputs.mutations import mutate_json, mutate_text
from benchmarks.mutated_inputs.reader import Reader

_LOG = b"""2018-06-24 23:54:02,123 epoch 0 lr 2.500000e-02
2018-06-24 23:54:02,125 genotype = Genotype(normal=[('sep_conv_3x3', 0), ('skip_connect', 1)], \
normal_concat=range(2, 3), reduce=[('max_pool_3x3', 0), ('skip_connect', 1)], reduce_concat=[2])
"""

_NAS_BENCH_201 = (
    b"|skip_connect~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"
)

_SPACE = {
    "format_version": 1,
    "decisions": [
        {"name": "first", "choices": ["conv", "pool", None], "kind": "operation"},
        {"name": "width", "choices": [16, 32.5, True]},
    ],
}
_TABLE = b"first,width,valid,test,cost\nconv,16,0.91,0.9,12\npool,32.5,0.5,,\n,true,0.1,0.2,3\n"

_SETTINGS = (
    b"""# A search.
space: {name: nasnet, blocks: 5}
strategy: {type: regularized_evolution, regularized_evolution: {population: 20, sample: 5}}
evaluator: {type: train, train: {epochs: 2, learning_rate: 1.0e-2, flip: false}}
settings: {l2: [1.0e-4, 5.0e-4]}
images: {name: cifar10, held_out: 1000}
objectives: [accuracy, -parameters]
trials: 20
report_minutes: 0.5
rerank:
  top_k: 3
  evaluator: {train: {epochs: 6}}
""",
    b"trials: 3\nstudy: 'mine'\npool: processes\npruner: {type: median, rungs: [1, 2]}\n",
)

#: Between files that are damaged as one.
_BETWEEN = b"%%\n"


def _genotypes() -> list[bytes]:
    from cells.genotype import catalogue, genotype_file

    names = ("nasnet_a", "darts_v2")
    return [genotype_file.dumps(catalogue.load(name)).encode() for name in names]


def _read_genotype(content: bytes, folder: Path) -> None:
    """Reads a genotype, and does with it all that needs no TensorFlow."""
    from cells.genotype import genotype_file
    from cells.genotype.canonical import canonical_key
    from cells.genotype.diff import describe_cell
    from cells.kinds import files as kinds

    file = folder / "mine.json"
    file.write_bytes(content)
    genotype = genotype_file.read(file)
    canonical_key(genotype)
    assert all(map(describe_cell, (genotype.normal, genotype.reduction)))
    kinds.write(genotype, folder / "again.json")
    again = genotype_file.read(folder / "again.json")
    assert again == genotype and again.provenance == genotype.provenance, "is written otherwise"


def _recurrent() -> list[bytes]:
    from cells.recurrent import catalogue, recurrent_file

    return [recurrent_file.dumps(catalogue.load(name)).encode() for name in ("nas", "enas")]


def _read_recurrent(content: bytes, folder: Path) -> None:
    from cells.kinds import files as kinds
    from cells.recurrent import recurrent_file, words
    from cells.recurrent.canonical import canonical_key
    from cells.recurrent.counts import shapes

    file = folder / "mine.json"
    file.write_bytes(content)
    genotype = recurrent_file.read(file)
    canonical_key(genotype.cell)
    assert words.describe(genotype.cell) and shapes(genotype.cell, 3, 4)
    kinds.write(genotype, folder / "again.json")
    again = recurrent_file.read(folder / "again.json")
    assert again == genotype and again.provenance == genotype.provenance, "is written otherwise"


def _networks() -> list[bytes]:
    import numpy as np

    from cells.evolved.graph import FIRST
    from cells.evolved.mutations import draw
    from cells.kinds import files

    rng, graph = np.random.default_rng(0), FIRST
    for _ in range(12):
        graph = draw(graph, rng, ("insert_convolution", "add_skip", "alter_channels"))[2]
    return [files.dumps(network).encode() for network in (graph, files.find_network("nas_v1"))]


def _read_network(content: bytes, folder: Path) -> None:
    from cells.kinds import files
    from cells.operations.architecture import Architecture
    from cells.operations.counts import summarize

    file = folder / "mine.json"
    file.write_bytes(content)
    network = files.find_network(str(file))
    assert network.provenance is not None
    files.write(network, folder / "again.json")
    again = files.read(folder / "again.json")
    assert again == network and again.provenance == network.provenance, "is written otherwise"
    if isinstance(network, Architecture):
        assert network.canonical_key() and network.describe() and network.sketch().rows
        summarize(network.layout((32, 32), 10), ("logits",), (32, 32))


def _notations() -> list[bytes]:
    from cells.genotype import catalogue
    from cells.genotype.notations import FORMATS

    texts = (
        ("darts", FORMATS["darts"].write(catalogue.load("darts_v2")).encode()),
        ("darts", _LOG),
        ("enas", FORMATS["enas"].write(catalogue.load("enas")).encode()),
        ("tpu", FORMATS["tpu"].write(catalogue.load("nasnet_a")).encode()),
        ("nas_bench_201", _NAS_BENCH_201),
    )
    return [name.encode() + _BETWEEN + text for name, text in texts]


def _damaged_after(random: Random, content: bytes) -> bytes:
    """What stands before the first mark stays."""
    name, mark, text = content.partition(_BETWEEN)
    return name + mark + mutate_text(random, text)


def _read_notation(content: bytes, folder: Path) -> None:
    from cells.genotype.notations import FORMATS
    from cells.support import files

    name, _, text = content.partition(_BETWEEN)
    file = folder / "genotype.txt"
    file.write_bytes(text)
    notation = FORMATS[name.decode()]
    genotype = notation.read(files.read_text(file, "genotype", notation.most))
    again = notation.read(notation.write(genotype))
    assert (again.cells, again.stacking) == (genotype.cells, genotype.stacking), "written otherwise"


def _read_settings(content: bytes, folder: Path) -> None:
    from cell_search.config import schema
    from cells.support import overrides, yaml_file

    file = folder / "mine.yaml"
    file.write_bytes(content)
    config = overrides.override(schema.SearchConfig(), [file])
    overrides.check(config)
    values = json.loads(json.dumps(config.as_dict(), allow_nan=False))
    assert yaml_file.loads(yaml_file.dumps(values)) == values, "is written otherwise"


def _weights() -> list[bytes]:
    from cells.genotype import catalogue
    from cells.network.stack_config import StackConfig
    from cells.weights import weights_file

    layers = {"stem_conv": [np.ones((1, 2), "float32")], "stem_bn": [np.ones(2, "float16")] * 2}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "w.safetensors")
        written = weights_file.WeightsFile(catalogue.load("darts_v1"), StackConfig(), layers)
        weights_file.write(written, file)
        return [file.read_bytes()]


def _mutate_safetensors(random: Random, content: bytes) -> bytes:
    """Damage to the header, whose length is told before it, or to any byte."""
    if random.random() < 0.3:
        return mutate_text(random, content)
    end = 8 + int.from_bytes(content[:8], "little")
    header = mutate_json(random, content[8:end])
    return len(header).to_bytes(8, "little") + header + content[end:]


def _read_weights(content: bytes, folder: Path) -> None:
    from cells.weights import torch_file, weights_file

    file = folder / "w.safetensors"
    file.write_bytes(content)
    torch_file.read(str(file))
    read = weights_file.read(file)
    assert all(np.isfinite(value).all() for values in read.layers.values() for value in values)


def _h5() -> list[bytes]:
    import h5py

    file = io.BytesIO()
    with h5py.File(file, "w") as root:
        root.attrs["layer_names"] = [b"conv", b"relu"]
        for layer, names in (("conv", [b"conv/kernel:0", b"conv/bias:0"]), ("relu", [])):
            group = root.create_group(layer)
            group.attrs["weight_names"] = names
            for name in names:
                group.create_dataset(name.decode(), data=np.ones((2, 3), "float32"))
    return [file.getvalue()]


def _mutate_bytes(random: Random, content: bytes) -> bytes:
    """Damage that leaves most places where they are, or any."""
    if random.random() < 0.4:
        return mutate_text(random, content)
    damaged = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 5))):
        at, count = random.randrange(len(damaged)), random.choice((1, 1, 2, 4, 8))
        odd = (random.randbytes(count), b"\x00" * count, b"\xff" * count, b"\x7f" * count)
        damaged[at : at + count] = random.choice(odd)
    return bytes(damaged[: len(content)])


def _read_h5(content: bytes, folder: Path) -> None:
    from cells.weights import h5_file

    file = folder / "w.h5"
    file.write_bytes(content)
    for value in h5_file.read(str(file), _forked).values():
        assert isinstance(value, np.ndarray)


def _forked(path: str, output: str) -> subprocess.CompletedProcess[str]:
    """Has a copy of this process read a file, which takes a hundredth of a new one's time."""
    import h5py  # noqa: F401  What the copy needs.

    from cells.weights import h5_file

    with tempfile.TemporaryFile() as told:
        process = os.fork()
        if not process:
            code = 1
            try:
                os.dup2(told.fileno(), sys.stderr.fileno())
                h5_file.copy_arrays(path, output)
                code = 0
            except SystemExit as end:
                code = int(end.code or 0)
            finally:
                sys.stderr.flush()
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        told.seek(0)
        sentence = told.read().decode(errors="replace")
    return subprocess.CompletedProcess([], code, stderr=sentence)


def _read_table(content: bytes, folder: Path) -> None:
    space, _, table = content.partition(_BETWEEN)
    (folder / "space.json").write_bytes(space)
    _look_up(folder, "table.csv", table)


def _read_packed_table(content: bytes, folder: Path) -> None:
    (folder / "space.json").write_text(json.dumps(_SPACE))
    _look_up(folder, "table.csv.gz", content)


def _look_up(folder: Path, name: str, content: bytes) -> None:
    """Reads a table and draws its values, as a report of a search on it does."""
    from cell_search.evaluators import tables
    from cell_search.output import charts
    from cell_search.space import space_file

    (folder / name).write_bytes(content)
    space = space_file.read(folder / "space.json")
    table = tables.read_table(str(folder / name), space)
    values = [entry.valid for entry in table.entries.values()]
    assert np.isfinite(values).all()
    assert "<svg" in charts.curve(list(enumerate(values)), "valid")


def _tables() -> list[bytes]:
    return [json.dumps(_SPACE).encode() + b"\n" + _BETWEEN + _TABLE]


def _mutate_table(random: Random, content: bytes) -> bytes:
    """Damage to the space or to the table."""
    space, mark, table = content.partition(_BETWEEN)
    if random.random() < 0.5:
        return mutate_json(random, space) + mark + table
    return space + mark + mutate_text(random, table)


def _mutate_packed(random: Random, content: bytes) -> bytes:
    """Damage to the packed bytes, or to what is in them, which may be a bomb."""
    kind = random.random()
    if kind < 0.5:
        return mutate_text(random, content)
    if kind < 0.52:
        return gzip.compress(_TABLE + random.choice((b"\n", b"0", b"x,")) * 2**25, 1)
    return gzip.compress(mutate_text(random, _TABLE))


def _always(*contents: bytes) -> Callable[[], list[bytes]]:
    return lambda: list(contents)


READERS = {
    "genotype": Reader(_genotypes, mutate_json, _read_genotype),
    "recurrent": Reader(_recurrent, mutate_json, _read_recurrent),
    "networks": Reader(_networks, mutate_json, _read_network),
    "notations": Reader(_notations, _damaged_after, _read_notation),
    "settings": Reader(_always(*_SETTINGS), mutate_text, _read_settings),
    "weights": Reader(_weights, _mutate_safetensors, _read_weights),
    "h5": Reader(_h5, _mutate_bytes, _read_h5),
    "table": Reader(_tables, _mutate_table, _read_table),
    "packed_table": Reader(_always(gzip.compress(_TABLE)), _mutate_packed, _read_packed_table),
}
