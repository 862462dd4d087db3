"""Other notations: exact round trips, and texts from strangers that are never run."""

from __future__ import annotations

import subprocess
import sys

import pytest
from genotype_strategies import random_cells
from hypothesis import given, settings
from hypothesis import strategies as st

from cells.genotype import catalogue
from cells.genotype.genotype import Block, Cell, Genotype, Side
from cells.genotype.notations import FORMATS, darts, enas, nas_bench_201, tpu
from cells.support.errors import UserError

# As their authors print them.
DARTS_V2 = (
    "DARTS_V2 = Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), "
    "('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), "
    "('dil_conv_3x3', 2)], normal_concat=range(2, 6), reduce=[('max_pool_3x3', 0), "
    "('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])"
)
ENAS = "0 2 0 0 0 4 0 1 0 4 1 1 1 0 0 1 0 2 1 1  1 0 1 0 0 3 0 2 1 1 3 1 1 0 0 4 0 3 1 1"


def cells_of(genotype: Genotype) -> tuple:
    return genotype.normal, genotype.reduction, genotype.stacking


def test_published_texts_are_the_catalogue():
    assert cells_of(darts.read(DARTS_V2)) == cells_of(catalogue.load("darts_v2"))
    assert darts.read(DARTS_V2).name == "DARTS_V2"
    assert cells_of(enas.read(ENAS)) == cells_of(catalogue.load("enas"))


EMPTY_V2 = DARTS_V2.removeprefix("DARTS_V2 = ")
# As DARTS's search logs them, with Python's logging.
LOG = f"""\
2018-06-24 23:54:02,123 epoch 0 lr 2.500000e-02
2018-06-24 23:54:02,125 genotype = {EMPTY_V2.replace("dil_conv_3x3", "sep_conv_5x5")}
tensor([[0.1250, 0.1251, 0.1249]], device='cuda:0')
2018-06-24 23:54:12,125 train 000 2.302585e+00 (7.8 (%) 50.0
2018-06-25 00:14:02,125 genotype = {EMPTY_V2}
2018-06-25 00:14:09,125 valid_acc 88.12
"""
# As in DARTS's genotypes.py.
FILE = f"""\
from collections import namedtuple

Genotype = namedtuple('Genotype', 'normal normal_concat reduce reduce_concat')
# OLD = Genotype(normal=[])
FIRST = Genotype(
  normal = [('skip_connect', 0), ('skip_connect', 1)], normal_concat = [2],
  reduce = [('skip_connect', 0), ('skip_connect', 1)], reduce_concat = [2],
)
{DARTS_V2}
"""


@pytest.mark.parametrize(
    "text",
    [
        LOG,
        LOG.splitlines()[-2],
        "\ufeff" + EMPTY_V2,
        f"genotypes.{EMPTY_V2}",
        f"best = genotypes.{EMPTY_V2}\n",
        FILE,
    ],
)
def test_genotypes_are_found_where_darts_leaves_them(text):
    assert cells_of(darts.read(text, "DARTS_V2")) == cells_of(catalogue.load("darts_v2"))


def test_the_name_is_asked_for_where_a_file_holds_several():
    with pytest.raises(UserError, match="several genotypes, DARTS_V2, FIRST; choose one by --name"):
        darts.read(FILE)
    assert len(darts.read(FILE, "FIRST").normal.blocks) == 1


def test_the_tpu_lists_count_the_newer_cell_as_0():
    text = tpu.write(catalogue.load("nasnet_a"))
    # TF-slim's NASNet-A: hidden-state indices of the Normal cell.
    assert "normal_hiddenstate_indices = [0, 1, 1, 1, 0, 1, 1, 1, 0, 0]" in text
    assert "normal_used_hiddenstates = [1, 0, 0, 0, 0, 0, 0]" in text
    assert "reduction_used_hiddenstates = [1, 1, 1, 0, 0, 0, 0]" in text


#: No code has a notation for cells that nobody published.
PUBLISHED = [n for n in catalogue.names() if catalogue.load(n).provenance["checked_against"]]


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_cell_survives_its_own_notation(name):
    genotype = catalogue.load(name)
    notation = {"darts": "darts", "enas": "enas"}.get(genotype.stacking, "tpu")
    text = FORMATS[notation].write(genotype)
    assert cells_of(FORMATS[notation].read(text)) == cells_of(genotype)
    assert FORMATS[notation].write(FORMATS[notation].read(text)) == text


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(["darts", "enas", "tpu"]))
def test_round_trips_are_exact_or_refused(data, notation):
    stacking = {"darts": "darts", "enas": "enas"}.get(notation, "pnasnet")
    operations = {
        "darts": list(darts._OPERATIONS.values()),
        "enas": list(enas._OPERATIONS),
        "tpu": list(tpu._OPERATIONS.values()),
    }[notation]

    def cell() -> Cell:
        found = data.draw(random_cells())
        blocks = tuple(
            Block(*(Side(s.input, data.draw(st.sampled_from(operations))) for _, s in b.sides))
            for b in found.blocks
        )
        return Cell(blocks, found.concat)

    genotype = Genotype("x", cell(), cell(), stacking)
    try:
        text = FORMATS[notation].write(genotype)
    except UserError as error:
        # Only what the notation really cannot hold.
        assert notation != "darts"
        assert "cannot hold this genotype" in str(error)
        return
    assert cells_of(FORMATS[notation].read(text)) == cells_of(genotype)


def test_nas_bench_201_where_the_spaces_meet():
    text = "|skip_connect~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"
    genotype = nas_bench_201.read(text)
    # Node 1 is the input itself; node 2 sums two; node 3 sums two (the absent edge is left out).
    assert genotype.normal == Cell(
        (
            Block(Side(1, "conv_3x3"), Side(1, "avg_pool_3x3")),
            Block(Side(1, "identity"), Side(2, "conv_1x1")),
        ),
        (3,),
    )
    known = nas_bench_201._known()
    for cells, string in known.items():
        assert cells_of(nas_bench_201.read(string)) == cells
        assert nas_bench_201.write(Genotype("x", *cells)).strip() == string


NB201 = "|skip_connect~0|+|nor_conv_3x3~0|nor_conv_1x1~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"
TPU = tpu.write(catalogue.load("nasnet_a"))

BAD = [
    (darts, "Genotype(normal=[(__import__('os').system('true'), 0)])", "holds a call"),
    (darts, "Genotype(normal=list(range(9)))", "holds a call"),
    (darts, "Genotype(normal=range(0, 10**9))", "is not a literal list"),
    (darts, "__import__('os').system('true')", "not DARTS text"),
    (darts, "Genotype(normal=[('sep_conv_3x3', 0)] * 10**9)", "is not a literal list"),
    (darts, DARTS_V2.replace("dil_conv_3x3", "dil_conv_3x4"), "did you mean 'dil_conv_3x3'"),
    (darts, DARTS_V2.replace("('dil_conv_3x3', 2)", "('dil_conv_3x3', 9)"), "state 9 does not"),
    (darts, DARTS_V2.replace(", ('dil_conv_3x3', 2)", ""), "has 7 pairs"),
    (darts, DARTS_V2.replace("range(2, 6)", "[2, 3, 4, 4, 5]"), "state 4 is joined twice"),
    (darts, DARTS_V2.replace("reduce_concat=[2, 3, 4, 5]", ""), "'reduce_concat' is missing"),
    (darts, "(" * 5000 + ")" * 5000, "not DARTS text"),
    (darts, DARTS_V2.replace("('dil_conv_3x3', 2)", "('dil_conv_3x3', 9)"), "text: normal[7]: st"),
    (
        darts,
        DARTS_V2.replace("reduce_concat=[2", "reduce_concat=[9"),
        "reduce_concat: state 9",
    ),
    (darts, DARTS_V2.replace("reduce=", "normal="), "the field 'normal' is given twice"),
    (
        darts,
        DARTS_V2.replace("('dil_conv_3x3', 2)", "('dil_conv_3x3', 0x" + "f" * 9999 + ")"),
        "[7]",
    ),
    (darts, LOG[:-60], "begins in line 5 does not end"),
    (enas, ENAS.replace("0 2 0 0", "0 2 2 0", 1), "ENAS arc: number 3: state 2 does not exist"),
    (enas, ENAS + " 1", "has 41 numbers"),
    (enas, ENAS.replace("4", "5"), "operations are 0 to 4"),
    (enas, "0 1 2 x 0 1 0 1", "which is not a number"),
    (tpu, "normal_operations = open('/etc/passwd')", "only data is read"),
    (tpu, "import os", "is not a NAME = [...]"),
    (tpu, "normal_operations = []", "'normal_hiddenstate_indices' is missing"),
    (
        tpu,
        TPU.replace("indices = [0, 1", "indices = [0, 9", 1),
        "normal_hiddenstate_indices[1]: ",
    ),
    (tpu, TPU.replace("states = [1, 0, 0", "states = [1, 0, 1", 1), "normal_used_hiddenstates: st"),
    (tpu, TPU + "stacking = 'pnasnet'\n", "stacking: is given twice"),
    (tpu, TPU.replace("indices = [0,", "indices = [0x" + "f" * 9999 + ",", 1), "must be numbers"),
    (nas_bench_201, "|nor_conv_3x3~0|+|none~0|none~1|", "three nodes"),
    (
        nas_bench_201,
        NB201.replace("|+|skip", "|rubbish|+|skip"),
        "node 2: 'rubbish' is not an edge",
    ),
    (nas_bench_201, NB201.replace("~2|", "~2"), "node 3 must stand between | and |"),
    (nas_bench_201, NB201.replace("~0|nor", "~0||nor"), "'' is not an edge"),
    (
        nas_bench_201,
        "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|skip_connect~1|none~2|",
        "node 1 is one operation",
    ),
]


@pytest.mark.parametrize("module, text, sentence", BAD)
def test_bad_texts_get_one_sentence(module, text, sentence):
    with pytest.raises(UserError) as caught:
        module.read(text)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_the_command_converts_and_compares(tmp_path):
    def cells(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cells", *arguments], input=text, capture_output=True, text=True
        )

    path = tmp_path / "v2.json"
    done = cells("convert", "-", "--from=darts", f"--output={path}", text=DARTS_V2)
    assert done.returncode == 0, done.stderr
    assert cells("convert", str(path), "--to=enas").returncode == 2
    assert cells("diff", str(path), "darts_v2").stdout == ""
    lines = cells("diff", "darts_v1", "darts_v2").stdout.splitlines()
    assert "  - state 4 = add(identity of h(i-1), sep 3×3 of h(i))" in lines
    marked = tmp_path / "marked.txt"
    marked.write_text(FILE, encoding="utf-8-sig")
    done = cells("convert", str(marked), "--from=darts", "--to=darts", "--name=DARTS_V2")
    assert darts.read(done.stdout) == darts.read(EMPTY_V2)
    done = cells("convert", "-", "--from=darts", "--output=x.json", text="Genotype(normal=f())")
    assert done.returncode == 2 and done.stderr.startswith("cells: -: DARTS text: normal: holds")
