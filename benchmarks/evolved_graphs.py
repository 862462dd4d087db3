"""Graphs that grow from a network without a convolution, on CIFAR-10 (Real et al. 2017).

  python -m benchmarks.evolved_graphs --output=DIR
  python -m benchmarks.evolved_graphs --first
  python -m benchmarks.evolved_graphs --readings=50

Three searches with the same children, images and processor time, from the same first individuals:
evolution; random mutations without selection (either of two wins, the paper's own control); and
evolution whose children inherit no weights. What counts is the best held-out accuracy in the
population. All of it lies in DIR, and the same command goes on there; a search that was killed does
the trials since its last stop again for nothing. Differences are those of searches with one seed,
which run on one machine, one after the other; `--only=1` does those of one seed and judges nothing,
and `python -m benchmarks.kept DIR/results.jsonl` keeps them for another day.

`--first` trains the first individual alone, as the paper trains: 25,600 steps of 50 images,
momentum 0.9 at a learning rate of 0.1, weight decay 1e-4, mirrored and moved images; the test
images score it.

`--readings` builds random graphs, after up to 40 mutations in a row, in Keras 3, in tf_keras and in
the children's engine, with the same random weights in float64, and compares their logits.

Without `--readings`, needs CELLS_DATA_DIR with `cifar10` prepared.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import pathlib
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.children_memory import GROWING, random_graph
from benchmarks.data import data_dir
from benchmarks.kept import Records
from benchmarks.report import Figure, judged, mean_and_error, observed, print_figures, required
from benchmarks.searches import search_for

LIMITS = {
    "first individual: test accuracy, percent": (
        ">= 21",
        10.0,
        "chance, of ten classes",
    ),
    "first individual: points above 24.5 percent": (
        "<= 0",
        10.0,
        "a first individual with a convolution, about",
    ),
    "three readings: largest relative difference of logits": (
        "<= 1e-6",
        1.0,
        "weights of another network, about",
    ),
    "evolution: best held-out accuracy, percent": (">= 35", 23.4, "the first individual alone"),
    "evolution less random mutation, points": (
        "> 0 by 2 standard errors",
        0.0,
        "a winner that is drawn",
    ),
    "evolution less evolution without inheritance, points": (
        "> 0 by 2 standard errors",
        0.0,
        "children without their parents' weights",
    ),
}

#: Arguments that make it what it is.
_SIZES = ("minutes", "population", "chunk", "images", "size", "held_out")

#: What a search has beside what all have.
ARMS: dict[str, dict[str, Any]] = {
    "evolution": {},
    "random mutation": {"selection": False},
    "without inheritance": {"inherit": False},
}


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", default="runs/evolved_graphs")
    parser.add_argument("--minutes", type=float, default=30.0, help="of a processor, each search")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--only", type=int, help="the searches of this seed, and no figures")
    parser.add_argument("--population", type=int, default=20, help="the set-point")
    parser.add_argument("--chunk", type=int, default=20, help="children between looks at the clock")
    parser.add_argument("--images", type=int, default=10_000, help="that train a child, once each")
    parser.add_argument("--size", type=int, default=16, help="pixels of an image's side")
    parser.add_argument("--held_out", type=int, default=2000)
    parser.add_argument("--first", action="store_true", help="train the first individual alone")
    parser.add_argument("--steps", type=int, default=25_600, help="with --first")
    parser.add_argument("--readings", type=int, default=0, help="compare so many graphs' logits")
    args = parser.parse_args()
    if args.readings:
        print_figures([readings(args.readings)], seeds=range(args.readings))
        return
    data_dir()
    if args.first:
        print_figures(first_individual(args.steps), seeds=[0])
        return
    arms = args.arms.split(",")
    records = Records(pathlib.Path(args.output) / "results.jsonl")
    best: dict[str, list[float]] = {arm: [] for arm in arms}
    joined: dict[str, list[float]] = {arm: [] for arm in arms}
    for seed in range(args.seeds) if args.only is None else (args.only,):
        for arm in arms:
            found = _searched(records, arm, seed, args)
            best[arm].append(found["best"])
            joined[arm].append(found["joined"])
    if args.only is None:
        figures = figures_of(best, joined, args, records.measured_on())
        print_figures(figures, seeds=range(args.seeds))


def _searched(records: Records, arm: str, seed: int, args: argparse.Namespace) -> dict[str, float]:
    # Another size of anything is another comparison.
    sizes = {name: getattr(args, name) for name in _SIZES}
    if (known := records.find([arm, seed, sizes])) is None:
        folder = pathlib.Path(args.output) / f"{arm} {seed}".replace(" ", "_")
        best = evolve(folder, arm, seed, args)
        known = {"best": best, "joined": skips(folder, args.population)}
        records.add([arm, seed, sizes], known)
    return known


def settings_of(arm: str, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    """A search, but for its trials."""
    own = {"population": args.population, "founders": 2}
    own |= {"selection": False} if not ARMS[arm].get("selection", True) else {}
    return {
        "space": {"name": "graph"},
        "strategy": {"type": "large_scale_evolution", "large_scale_evolution": own},
        "evaluator": {
            "type": "train",
            "train": {
                "epochs": 1,
                "batch": 50,
                "schedule": "constant",
                "l2": 5e-5,
                "inherit": ARMS[arm].get("inherit", True),
            },
        },
        "images": {
            "name": "cifar10",
            "training": args.images,
            "held_out": args.held_out,
            "size": args.size,
        },
        "seed": seed,
        "top": 1,
        "report_minutes": 0.0,
    }


def evolve(folder: pathlib.Path, arm: str, seed: int, args: argparse.Namespace) -> float:
    """Searches until the time is over; the best accuracy, in percent."""
    settings = settings_of(arm, seed, args)
    curve = search_for(folder, settings, args.minutes, chunk=args.chunk, name=f"{arm}, seed {seed}")
    within = [best for _, spent, best in curve if spent <= 60 * args.minutes] or [curve[0][2]]
    return 100.0 * within[-1]


def skips(folder: pathlib.Path, population: int) -> float:
    """The edges beside the primary ones, a convolution, in the last networks of a search."""
    import cell_search

    result = cell_search.open_search(folder / "search")
    trials = [t for t in result.study.get_trials(deepcopy=False) if t.value is not None]
    graphs = [result.resolved.space.decode(trial.params) for trial in trials[-population:]]
    more = sum(len(edges) - 1 for graph in graphs for edges in graph.incoming.values())
    return more / max(1, sum(edge.convolution is not None for g in graphs for edge in g.edges))


def figures_of(
    best: dict[str, list[float]],
    joined: dict[str, list[float]],
    args: argparse.Namespace,
    measured_on: str = "",
) -> list[Figure]:
    """What is required of the arms that were run, and what each reached."""
    told = (
        f"{args.minutes:g} processor minutes; children of {args.images:,} images of {args.size} "
        f"pixels, once each, 50 a step; "
        f"{args.held_out:,} held out; set-point {args.population}"
    )
    told += f"; {measured_on}" if measured_on else ""
    found: list[Figure] = []
    for arm, values in best.items():
        name = f"{arm}: best held-out accuracy, percent"
        mean, error = mean_and_error(values)
        found.append(judged(LIMITS, name, mean, error=error, note=told))
        mean, error = mean_and_error(joined[arm])
        name = f"{arm}: skip connections for each convolution, last population"
        found.append(observed(name, mean, error=error))
    for arm, name in (
        ("random mutation", "evolution less random mutation, points"),
        ("without inheritance", "evolution less evolution without inheritance, points"),
    ):
        if arm in best and "evolution" in best:
            pairs = zip(best["evolution"], best[arm], strict=True)
            mean, error = mean_and_error(ours - theirs for ours, theirs in pairs)
            found.append(required(LIMITS, name, mean, error=error))
    return found


def readings(count: int) -> Figure:
    """The largest relative difference between logits of the three readings of random graphs."""
    import keras
    import tf_keras

    from cell_search.children import Bank, Child
    from cells.evolved.mutations import MUTATIONS
    from cells.network.build import build_network
    from cells.network.stack_config import StackConfig
    from cells.weights.by_layer import move_weights

    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    tf_keras.backend.set_floatx("float64")
    size, largest, layers = (13, 10), 0.0, 0
    for seed in range(count):
        rng = np.random.default_rng(seed)
        # Where mutations remove as much as they insert, graphs stay small.
        names = tuple(MUTATIONS) if seed % 2 else GROWING
        graph = random_graph(rng, size, int(rng.integers(1, 41)), names)
        child = Child(graph, StackConfig(image_size=size), Bank(precision="float64"))
        for layer in child.layers:
            layer.set_weights([w + rng.uniform(0.1, 0.3, w.shape) for w in layer.get_weights()])
        layers += len(child.layers)
        x = rng.uniform(-1.0, 1.0, (4, *size, 3))
        logits = child.logits(x).numpy()
        for namespace in (keras, tf_keras):
            model = build_network(graph, StackConfig(image_size=size), namespace)
            moved = move_weights(child, model)
            assert not (moved.missing or moved.unused or moved.unfit), moved
            theirs = np.asarray(model(x, training=False))
            assert np.isfinite(theirs).all() and np.ptp(theirs, axis=0).min() > 0.0
            largest = max(largest, float(np.abs(logits - theirs).max() / np.abs(theirs).max()))
        keras.utils.clear_session()
        tf_keras.backend.clear_session()
        print(f"graph {seed}: {graph.title}, so far {largest:.1e}", flush=True)
    name = "three readings: largest relative difference of logits"
    note = f"{count} graphs, {layers} layers with weights, images of 13x10"
    return required(LIMITS, name, float(f"{largest:.2g}"), note=note)


def first_individual(steps: int) -> list[Figure]:
    """The network of 40 parameters, and what it scores on the test images."""
    from cell_search import images
    from cell_search.evaluators import Train
    from cell_search.evaluators.train.loop import train_child
    from cells.evolved.graph import FIRST
    from cells.network.stack_config import StackConfig
    from cells.operations.counts import summarize

    settings = Train(
        batch=50, epochs=1, learning_rate=0.1, schedule="constant", l2=5e-5, inherit=False
    )
    known = images.ImageSettings(name="cifar10", held_out=5000)
    # A search may not see them; this is none.
    test = images.builder_of(known).as_dataset(split="test", batch_size=-1)
    pixels, labels = test["image"].numpy(), test["label"].numpy().astype(np.int32)
    scored = dataclasses.replace(images.load(known), held_out=(pixels, labels))
    metrics = train_child(FIRST, StackConfig(), scored, settings, seed=0, steps=steps)
    percent = round(100.0 * metrics["accuracy"], 2)
    told = f"{steps:,} steps of 50 images, loss {metrics['loss']:.3f}"
    counts = summarize(FIRST.layout((32, 32), 10), ("logits",), (32, 32))
    above = "first individual: points above 24.5 percent"
    return [
        observed("first individual: parameters", counts.trainable),
        required(LIMITS, "first individual: test accuracy, percent", percent, note=told),
        required(LIMITS, above, round(percent - 24.5, 2)),
    ]


if __name__ == "__main__":
    main()
