"""Cost tables: what they predict, and what is said of files that are none."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections import Counter

import cost_tables
import numpy as np
import pytest

from cell_search.children.pieces import Piece, cut
from cell_search.costs import measure, predict, table
from cell_search.costs.kinds import Amount, amount_of, kind_of, sums_of
from cell_search.costs.machine import VARIABLE
from cell_search.costs.table import CostTable, Overheads
from cells.genotype import catalogue
from cells.network import presets
from cells.network.residual import ResidualConfig, residual
from cells.network.stack import stack
from cells.operations.counts import summarize
from cells.operations.primitives import Add, BatchNorm, Conv, Pool, Relu
from cells.support.errors import UserError


@pytest.fixture(scope="module")
def known() -> CostTable:
    return cost_tables.made()


def small(name: str = "pnasnet_5", **changes: object):
    genotype = catalogue.load(name)
    values: dict = {"normal_cells": 1, "filters": 4, "image_size": (32, 32), **changes}
    return genotype, presets.configure(genotype, "cifar", **values)


def test_amounts_of_a_piece_are_those_of_the_textbook() -> None:
    piece = Piece((Relu(), Conv((3, 3), (2, 2), filters=16), BatchNorm()), (8,), (32, 32))
    # 5 images; half the height and width; 3x3x8 products a number; 2 numbers a channel normed.
    assert amount_of(piece, 5) == Amount(
        pixels=5 * 256,
        ragged=5 * 256,
        read=5 * 1024 * 8,
        made=5 * 256 * 16,
        products=5 * 256 * 16 * 72,
        weights=72 * 16 + 2 * 16,
    )
    assert kind_of(piece) == "Relu+Conv 3x3 /2+BatchNorm"
    full = dataclasses.replace(piece, channels=(32,))
    assert amount_of(full, 1).ragged == 0
    assert kind_of(full) == kind_of(piece)
    others = [
        dataclasses.replace(piece, primitives=(Pool((3, 3), mean=mean),)) for mean in (True, False)
    ]
    assert len({kind_of(p) for p in [piece, *others]}) == 3


def test_products_of_a_networks_pieces_are_its_multiply_adds() -> None:
    genotype, config = small("nasnet_a")
    graph = stack(genotype, config)
    places = cut(graph, ("logits",), (32, 32))
    amounts = [amount_of(place.piece, 1) for place in places]
    counts = summarize(graph, ("logits",), (32, 32))
    assert sum(a.products for a in amounts) == counts.multiply_adds
    assert sum(a.weights for a in amounts) == counts.trainable


def test_a_step_is_the_sum_of_its_parts(known: CostTable) -> None:
    more = Overheads(training=2.0, place=3e-6, parameter=5e-9, pixel=7e-9, inference=3.0, answer=1)
    genotype, config = small()
    graph = stack(genotype, config)
    places = cut(graph, ("logits",), (32, 32))
    alone = sum(cost_tables.seconds(amount_of(place.piece, 48)) for place in places)
    # A gradient from every reader, and their sum.
    readers = Counter(name for place in places for name in place.reads)
    for node in graph.nodes.values():
        if (count := readers[node.name]) > 1:
            numbers = 48 * count * np.prod(graph.sizes((32, 32))[node.name]) * node.output.channels
            alone += 1e-5 + 1e-9 * float(numbers)
    parameters = summarize(graph, ("logits",), None).trainable
    expected = 2 * alone + 3e-6 * len(places) + 5e-9 * parameters + 7e-9 * 48 * 1024
    found = dataclasses.replace(known, overheads=more)
    assert predict.step_seconds(found, genotype, config, 48) == pytest.approx(expected, rel=5e-3)
    answer = sum(cost_tables.seconds(amount_of(place.piece, 1)) for place in places)
    assert predict.inference_ms(found, genotype, config) == pytest.approx(
        1000 * (3 * answer + 1), rel=5e-3
    )


def test_what_was_not_measured_is_named(known: CostTable) -> None:
    genotype, config = small("nasnet_a", filters=8)
    without = {
        p: {k: v for k, v in kinds.items() if "5x5" not in k} for p, kinds in known.samples.items()
    }
    with pytest.raises(UserError, match=r"no time of 'Relu\+SeparableConv 5x5 /\d\+BatchNorm' in"):
        predict.step_seconds(dataclasses.replace(known, samples=without), genotype, config, 8)
    with pytest.raises(UserError, match="image_size: times are those of maps of a size"):
        predict.inference_ms(known, genotype, config.replace(image_size=None))


def test_rates_are_not_negative_and_fit_by_relative_error() -> None:
    """A tiny piece counts as much as a large one."""
    amounts = [Amount(0, 0, n, 0, 0, 0) for n in (10, 1000, 100_000)]
    rates = table.fit([(a, 1e-6 + 1e-9 * a.read) for a in amounts])
    assert rates == pytest.approx([1e-6, 0, 0, 1e-9, 0, 0, 0], abs=1e-13)
    falling = table.fit([(a, 1.0 / (1 + a.read)) for a in amounts])
    assert (falling >= 0).all()


def test_a_file_gives_the_table_back(known: CostTable, tmp_path: pathlib.Path) -> None:
    table.write(known, tmp_path / "costs.json")
    again = table.read(tmp_path / "costs.json")
    assert again == known
    assert again.identity == known.identity
    other = dataclasses.replace(known, overheads=Overheads(place=1e-6))
    assert other.identity != known.identity


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format_version": 2}, "format_version: 2 is later than 1"),
        ({"training": {}}, "training: must hold times by the kind of a piece"),
        (
            {"training": {"Add": [[1, 2]]}},
            "training.Add: must be rows of 6 amounts and the seconds",
        ),
        ({"inference": {"Add": [[1, 1, 1, 1, 1, 1, -1.0]]}}, "inference.Add: must be rows"),
        ({"overheads": {"place": 0.0}}, "overheads: must hold training, place, parameter"),
        ({"machine": "mine"}, "machine: must hold processor, cores, threads"),
    ],
)
def test_a_damaged_file_is_told_in_one_sentence(
    change: dict, sentence: str, known: CostTable, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "costs.json"
    path.write_text(json.dumps({**json.loads(table.dumps(known)), **change}))
    with pytest.raises(UserError, match=rf"costs\.json: {sentence}.*measure anew with"):
        table.read(path)
    path.write_text("{")
    with pytest.raises(UserError, match=r"costs\.json: not JSON .*measure anew"):
        table.read(path)
    with pytest.raises(UserError, match="there is no such cost file"):
        table.read(tmp_path / "missing.json")


def test_a_measured_table_has_what_its_networks_need() -> None:
    """Measured for real, with two operations and one whole step."""
    operations = ("identity", "max_pool_3x3")
    made = measure.measure(operations, (4,), ("nasnet",), mixed=0, whole=((0, 1, 4, 1),))
    block = catalogue.load("nasnet_a").normal.blocks[0]
    side = dataclasses.replace(block.left, input=0, operation="max_pool_3x3")
    cell = dataclasses.replace(
        catalogue.load("nasnet_a").normal,
        blocks=(dataclasses.replace(block, left=side, right=dataclasses.replace(side, input=1)),),
        concat=(2,),
    )
    genotype = dataclasses.replace(catalogue.load("nasnet_a"), normal=cell, reduction=cell)
    _, config = small("nasnet_a")
    costs = predict.costs(made, genotype, config, 32)
    # No processor makes the step of a network in less than a thousandth of a nanosecond a number.
    assert 1e-6 < costs["step_seconds"] < 60
    assert 0 < costs["inference_ms"] < 1000 * costs["step_seconds"] + 1000
    wider = predict.costs(made, genotype, config.replace(filters=64), 32)
    assert wider["step_seconds"] > costs["step_seconds"]
    assert made.machine == measure.this_machine()
    assert vars(made.overheads)["parameter"] > 0 and vars(made.overheads)["pixel"] > 0


def test_a_sum_of_gradients_is_a_sum() -> None:
    genotype, config = small()
    sums = sums_of(cut(stack(genotype, config), ("logits",), (32, 32)))
    assert sums and all(piece.primitives == (Add(),) for piece in sums)
    assert all(len(set(piece.channels)) == 1 for piece in sums)


def test_the_summary_of_a_genotype_tells_what_it_costs(
    known: CostTable,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from cells import __main__ as program

    path = tmp_path / "costs.json"
    table.write(known, path)

    def run(*more: str) -> str:
        call = ["cells", "summary", "pnasnet_5", "-N", "1", "-F", "4", *more]
        monkeypatch.setattr("sys.argv", call)
        program.run()
        return capsys.readouterr().out

    assert "training step" not in run()
    genotype, config = small()
    expected = predict.costs(known, genotype, config, 16)
    values = json.loads(run(f"--cost={path}", "--batch=16", "--json"))
    assert {name: values[name] for name in expected} == expected
    monkeypatch.setenv(VARIABLE, str(path))
    shown = run("--cost", "--batch=16")
    assert f"{1000 * expected['step_seconds']:.1f} ms, 16 images" in shown
    assert "which is not this machine" not in shown
    table.write(cost_tables.made(processor="Z80"), path)
    assert "Z80" in run("--cost") and "which is not this machine" in run("--cost")
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(SystemExit):
        run("--cost")
    assert "--cost: name a cost table" in capsys.readouterr().err


def test_a_network_without_cells_costs_what_its_pieces_are_made_of() -> None:
    """Its convolutions behind pools are no pieces of cells, but for that of the image."""
    made = cost_tables.made(("identity", "conv_3x3", "max_pool_2x2"))
    config = ResidualConfig()
    places = cut(residual(config), ["logits"], (32, 32))
    pieces = [place.piece for place in places]
    alone = sum(cost_tables.seconds(amount_of(piece, 64)) for piece in pieces)
    # Where one is taken as two, the map between them is read once more.
    assert alone < made.seconds(pieces, 64) < 1.1 * alone
