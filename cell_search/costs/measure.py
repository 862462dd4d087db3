"""Measures the times of pieces on this machine, and what a step costs besides."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from cell_search.children import Bank, Child, Descent, Training
from cell_search.children.bank import vector_size
from cell_search.children.pieces import Piece, cut
from cell_search.children.training import descend, with_l2
from cell_search.costs.kinds import amount_of, kind_of
from cell_search.costs.machine import this_machine
from cell_search.costs.predict import inference_ms, seconds_of
from cell_search.costs.table import CostTable, Overheads, Sample
from cell_search.recipes.augmentation import augment
from cells.genotype.genotype import Block, Cell, Genotype, Side
from cells.network import presets
from cells.network.stack import stack
from cells.network.stack_config import StackConfig
from cells.operations.families import FAMILIES
from cells.operations.operations import OPERATIONS

#: Height and width of the images of measured networks.
SIZE = 32

#: Images of a measured step.
BATCH = 32

#: F of the networks whose pieces are measured: with full and with ragged vectors.
FILTERS = (8, 12, 24, 64)

#: Times of a kind, at most.
_SAMPLES = 16

#: Random networks whose pieces are measured as far as they are of other kinds.
_RANDOM = 20

#: Runs of a measurement behind the one that warms up; the shortest counts, since whatever else
#: the machine does only makes runs longer.
_RUNS = 5

#: A run computes as many pieces as hold this many numbers together, at most so many in a pass:
#: small ones take less than the call from Python.
_NUMBERS, _COPIES = 2e6, {"training": 8, "inference": 32}

#: Networks of which whole steps are measured, as (seed, N, F, blocks of a cell): what is more than
#: the sum of pieces.
_WHOLE = ((0, 1, 8, 5), (1, 1, 16, 5), (2, 1, 24, 5), (3, 1, 32, 5), (4, 2, 12, 5))


def measure(
    operations: Sequence[str] = tuple(OPERATIONS),
    filters: Sequence[int] = FILTERS,
    families: Sequence[str] = tuple(FAMILIES),
    *,
    mixed: int = _RANDOM,
    most: int = _SAMPLES,
    whole: Sequence[tuple[int, int, int, int]] = _WHOLE,
    report: Callable[[str], None] = lambda line: None,
    check: Callable[[float], None] = lambda done: None,
) -> CostTable:
    """Measures everything that networks of some operations need; takes minutes.

    Args:
        operations: of the networks, by name.
        filters: F of the networks whose pieces are measured.
        families: whose stacking rules they follow.
        mixed: so many random networks show what operations that meet are cut into.
        most: times of a kind of piece; fewer are measured sooner, and predict worse.
        whole: (seed, N, F, blocks) of the random networks whose whole steps are measured.
        report: is told what is measured next.
        check: is called before each measurement with the part of them that is done; what it raises
            ends them all.

    Returns:
        The table of this machine.
    """
    pieces = list(_pieces(operations, filters, families, mixed, most))
    bank = Bank()
    samples: dict[str, dict[str, tuple[Sample, ...]]] = {}
    done, all_of_them = 0, 2 * len(pieces) + len(whole)
    for pass_, batch in (("training", BATCH), ("inference", 1)):
        found: defaultdict[str, list[Sample]] = defaultdict(list)
        for number, piece in enumerate(pieces):
            if number % 50 == 0:
                report(f"{pass_}: piece {number} of {len(pieces)}")
            check(done / all_of_them)
            done += 1
            seconds = time_piece(bank, piece, batch, training=pass_ == "training")
            found[kind_of(piece)].append((amount_of(piece, batch), seconds))
        samples[pass_] = {kind: tuple(rows) for kind, rows in found.items()}
    table = CostTable(this_machine(), samples)
    report(f"whole steps of {len(whole)} networks")
    parts = []
    for seed, normal_cells, f, blocks in whole:
        check(done / all_of_them)
        done += 1
        parts.append(_whole_network(bank, _random(seed, operations, blocks), normal_cells, f))
    return dataclasses.replace(table, overheads=_overheads(table, parts))


def _pieces(
    operations: Sequence[str],
    filters: Iterable[int],
    families: Sequence[str],
    mixed: int = 0,
    most: int = _SAMPLES,
) -> Iterator[Piece]:
    """Different pieces of networks with each operation at each place; few of a kind."""
    count: defaultdict[str, int] = defaultdict(int)
    seen: set[Piece] = set()
    for genotype, f in itertools.product(_genotypes(operations, families, mixed), filters):
        for piece in _pieces_of(genotype, f):
            kind = kind_of(piece)
            if piece not in seen and count[kind] < most:
                seen.add(piece)
                count[kind] += 1
                yield piece


def _genotypes(
    operations: Sequence[str], families: Sequence[str], mixed: int
) -> Iterator[Genotype]:
    def uniform(operation: str, family: str) -> Genotype:
        blocks = (
            Block(Side(0, operation), Side(1, operation)),
            Block(Side(2, operation), Side(1, operation), "concat"),
        )
        cell = Cell(blocks, (2, 3))
        return Genotype("measured", cell, cell, family)

    yield from (uniform(operation, families[0]) for operation in operations)
    # One operation shows what the others fit inputs by.
    yield from (uniform(operations[0], family) for family in families[1:])
    # And what operations that meet are cut into.
    yield from (_random(seed, operations) for seed in range(mixed))


def _pieces_of(genotype: Genotype, filters: int) -> Iterator[Piece]:
    # With everything that a network may have.
    config = _config(genotype, 1, filters).replace(auxiliary_head=True, drop_path_keep=0.9)
    for drops in (config.replace(drop_path_keep=1.0), config):
        graph = stack(genotype, drops)
        for place in cut(graph, ("logits", "auxiliary_logits"), (SIZE, SIZE)):
            yield place.piece


def _config(genotype: Genotype, normal_cells: int, filters: int) -> StackConfig:
    return presets.configure(
        genotype,
        "cifar",
        normal_cells=normal_cells,
        filters=filters,
        image_size=(SIZE, SIZE),
        num_classes=10,
    )


def time_piece(bank: Bank, piece: Piece, batch: int, *, training: bool) -> float:
    """Seconds of a piece within a graph, as it stands in a whole step.

    Args:
        bank: compiles it.
        piece: what is measured.
        batch: images.
        training: forward and backward; else forward with given statistics.
    """
    rng = np.random.default_rng(0)
    sizes = [vector_size(piece.trained), 0 if training else vector_size(piece.moved)]
    numbers = amount_of(piece, batch).read or 1.0
    most = _COPIES["training" if training else "inference"]
    copies = int(min(max(_NUMBERS // numbers, 1), most))

    # The part of training that is over, and a seed.
    chance = [tf.constant(0.5), tf.constant([1, 2])] if training and piece.random else []

    def arguments() -> list[Any]:
        shapes: list[tuple[int, ...]] = [
            (batch, *piece.size, channels) for channels in piece.channels
        ]
        shapes += [(size,) for size in sizes if size]
        # Statistics are variances, too.
        return [tf.constant(np.abs(rng.normal(size=s, scale=0.1)).astype("f")) for s in shapes]

    def once(given: list[Any]) -> list[Any]:
        if not training:
            return bank.inference(piece)(*given)
        halves = bank.training(piece)
        results = halves.forward(*given)
        everything = [*given, *results]
        return [*halves.backward(results[0], *[everything[i] for i in halves.kept]), *results[1:2]]

    given = [[*arguments(), *chance] for _ in range(copies)]
    run = tf.function(lambda given: [once(values) for values in given], autograph=False)
    return shortest(lambda: _wait(run(given))) / copies


def _wait(results: Any) -> None:
    """Until a device has computed them."""
    tf.nest.flatten(results)[-1].numpy()


def shortest(call: Callable[[], Any], runs: int = _RUNS) -> float:
    """The seconds of the shortest run after one that warms up.

    Args:
        call: what is run.
        runs: how often.

    Returns:
        Processor time, or wall time where there is a GPU.
    """
    clock = time.perf_counter if tf.config.list_physical_devices("GPU") else time.process_time
    call()
    times = []
    for _ in range(runs):
        began = clock()
        call()
        times.append(clock() - began)
    # A clock may be too coarse for what is too short.
    return max(min(times), 1e-9)


@dataclasses.dataclass(frozen=True)
class _Whole:
    """A network, and the seconds of its step and of its answer to one image."""

    genotype: Genotype
    config: StackConfig
    child: Child
    step: float
    answer: float


def _whole_network(bank: Bank, genotype: Genotype, normal_cells: int, filters: int) -> _Whole:
    config = _config(genotype, normal_cells, filters)
    child = Child(genotype, config, bank)
    step = time_steps(child, BATCH)
    image = tf.zeros((1, SIZE, SIZE, 3))
    answer = tf.function(lambda: child.logits(image), autograph=False)
    return _Whole(genotype, config, child, step, shortest(lambda: _wait([answer()])))


def time_steps(child: Child, batch: int) -> float:
    """The seconds of a step of a child's training, images drawn and augmented beforehand.

    Args:
        child: what is trained.
        batch: images of a step.
    """
    rng = np.random.default_rng(0)
    height, width = child.config.image_size or (SIZE, SIZE)
    images = rng.normal(size=(batch, height, width, 3)).astype(np.float32)
    classes = int(child.logits(tf.zeros((1, height, width, 3))).shape[-1])
    labels = rng.integers(classes, size=batch).astype(np.int32)
    training = Training(child, Descent(l2=1e-4))
    # The first step compiles pieces, the second the whole.
    float(training.step(images, labels, 0.0))
    return shortest(lambda: float(training.step(images, labels, 0.0)))


def _random(seed: int, operations: Sequence[str], blocks: int = 5) -> Genotype:
    """Cells as the NASNet space has them."""
    rng = np.random.default_rng(seed)

    def cell() -> Cell:
        def side(states: int) -> Side:
            return Side(int(rng.integers(states)), operations[int(rng.integers(len(operations)))])

        combinations = ("add", "concat")
        made = tuple(
            Block(side(b + 2), side(b + 2), combinations[rng.integers(2)]) for b in range(blocks)
        )
        return Cell(made, Cell(made, ()).unread)

    return Genotype("random", cell(), cell())


def _overheads(table: CostTable, networks: Sequence[_Whole]) -> Overheads:
    known = Overheads(parameter=_parameter(), pixel=_pixel())
    if not networks:
        return known
    bare = dataclasses.replace(table, overheads=known)
    parts, answers = [], []
    for network in networks:
        alone = seconds_of(bare, network.child.places, BATCH)
        optimizer = known.parameter * int(network.child.trained.shape[0])
        parts.append((alone - optimizer, len(network.child.places), network.step - optimizer))
        answers.append(
            (inference_ms(bare, network.genotype, network.config) / 1000.0, 1.0, network.answer)
        )
    training, place = _fit(parts)
    inference, answer = _fit(answers)
    return dataclasses.replace(
        known, training=training, place=place, inference=inference, answer=answer
    )


def _fit(rows: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """Factors of the first two columns that give the third, by relative error."""
    from scipy.optimize import nnls

    values = np.array(rows)
    (one, other), _ = nnls(values[:, :2] / values[:, 2:], np.ones(len(values)))
    return float(one), float(other)


def _parameter() -> float:
    """Seconds of the optimizer for a trained number."""
    size = 1_000_000
    vector, scalar = tf.zeros(size), tf.constant(0.1)

    def step() -> None:
        gradient = with_l2(*[vector] * 3, *[scalar] * 2)
        _wait(descend(vector, vector, gradient, scalar, scalar))

    return shortest(step) / size


def _pixel() -> float:
    """Seconds for each pixel of an augmented image; processor time on every machine."""
    images = np.zeros((BATCH, SIZE, SIZE, 3), np.uint8)
    rng = np.random.default_rng(0)
    return shortest(lambda: augment(images, rng, 4, True)) / (BATCH * SIZE * SIZE)


def shown(table: CostTable) -> Mapping[str, object]:
    """What people are told of a new table.

    Args:
        table: as it was measured.
    """
    return {
        **dataclasses.asdict(table.machine),
        "kinds of pieces": len(table.samples["training"]),
        **{name: f"{value:.4g}" for name, value in vars(table.overheads).items()},
    }
