"""Trains the small networks whose weights come with the package, on CIFAR-10.

  python -m benchmarks.shipped_weights

Each trains on the images that are set aside for it (`benchmarks/record/lists.py`; neither a search
nor a comparison sees them), with some of them left out for the accuracy that the card tells. A
training that is stopped goes on where it was kept, in runs/shipped_weights. Written are the weights
in half precision, a log and the model card, README.md, all in cells/weights/shipped.

Needs CELLS_DATA_DIR with `cifar10`.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import time
from typing import Any

import numpy as np

from benchmarks.kept import ROOT, read_lines
from benchmarks.record import lists
from benchmarks.recording.git import Repository
from cells import shipped
from cells.support.files import write_atomically
from cells.weights import weights_file

#: By name: cells of the catalogue, N and F, stacked as `cells auto` does. Small enough for all
#: together to be some hundred kB.
NETWORKS = {"hand_written_cifar10": ("hand_written", 1, 16)}

EPOCHS, HELD_OUT = 40, 1000

#: Steps between two lines of the log, after which the training is kept, too.
LOOK = 200

CARD = """# Weights that come with the package

Small networks that were trained on CIFAR-10, with which `cells auto` may begin where images are
small (`--shipped-weights=off` leaves them out), and `cells.build` builds a network:

    cells.build("{cells}", weights="FILE")

| file | cells | network | epochs | accuracy | processor time | bytes |
| --- | --- | --- | --- | --- | --- | --- |
{rows}

The accuracy is that on {held_out:,} other images of the same part, one view of each, by a network
that never saw them. The official test images were not looked at. Weights are kept as float16
numbers.

- **Made by** `python -m benchmarks.shipped_weights`, whose log lies beside each file.
- **Data**: {count:,} training images of CIFAR-10 (Krizhevsky 2009), numbers {first:,} to {last:,}
  of TFDS's `cifar10:3.0.2`. Its authors state no licence for the images, which were collected from
  the web, so the terms of the data are unknown: take the weights for research, and ask a lawyer
  before anything else. Code and file format are under the licence of this project.
- **Use**: a start for pictures of a few dozen pixels. **Not** for decisions about people; ten
  classes of animals and vehicles say nothing about other pictures before the network has been
  trained on those.
- Figures on CIFAR-10 itself are measured without these weights.
"""


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=list(NETWORKS), help="one of them")
    args = parser.parse_args()
    for name in [args.only] if args.only else NETWORKS:
        _train(name)
    rows = [_row(name) for name in NETWORKS if (shipped.WEIGHTS / f"{name}.jsonl").exists()]
    first, end = lists.PARTS["weights"]
    card = CARD.format(
        cells=next(iter(NETWORKS.values()))[0],
        rows="\n".join(rows),
        held_out=HELD_OUT,
        count=end - first - HELD_OUT,
        first=first,
        last=end - 1,
    )
    write_atomically(shipped.WEIGHTS / "README.md", card.encode())


def _train(name: str) -> None:
    from cell_search import images as image_files
    from cell_search.recipes.recipe import Recipe
    from cell_search.recipes.training import WholeTraining
    from cells.genotype import catalogue
    from cells.network import presets
    from cells.network.stack import stack

    cells, normal_cells, filters = NETWORKS[name]
    genotype = catalogue.load(cells)
    config = presets.configure(
        genotype, "cifar_pooled", normal_cells=normal_cells, filters=filters, num_classes=10
    )
    images = image_files.load(
        image_files.ImageSettings(split=lists.split("weights"), held_out=HELD_OUT)
    )
    recipe = Recipe(schedule="trapezoid")
    training = WholeTraining(stack(genotype, config), config, recipe, images.training)
    training.plan(EPOCHS * training.images.per_epoch)
    folder = ROOT / "runs" / "shipped_weights"
    folder.mkdir(parents=True, exist_ok=True)
    kept, log = folder / f"{name}.npz", folder / f"{name}.jsonl"
    if kept.exists():
        training.restore(kept)
    lines = [line for line in read_lines(log) if line["step"] <= training.steps]
    while training.steps < (training.planned or 0):
        began = time.process_time()
        loss = training.run(LOOK)
        seconds = round(time.process_time() - began, 2)
        lines.append({"step": training.steps, "loss": round(loss, 4), "processor_seconds": seconds})
        training.save(kept)
        _write_lines(log, lines)
        print(lines[-1], flush=True)
    accuracy = training.score(*images.held_out).accuracy
    network = training.network()
    commit = Repository(ROOT).text("rev-parse", "--short", "HEAD")
    weights = weights_file.WeightsFile(
        genotype,
        config,
        {layer.name: [_half(w) for w in layer.weights] for layer in network.layers},
        f"python -m benchmarks.shipped_weights, {commit}",
    )
    path = shipped.WEIGHTS / f"{name}{weights_file.ENDING}"
    weights_file.write(weights, path)
    end = {"steps": training.steps, "batch": training.images.batch, "accuracy": accuracy}
    _write_lines(shipped.WEIGHTS / f"{name}.jsonl", [*lines, {**end, "commit": commit}])
    print(f"{path.name}: {accuracy:.2%} of {HELD_OUT:,} images, {path.stat().st_size:,} bytes")


def _half(values: np.ndarray) -> np.ndarray:
    halves = values.astype(np.float16)
    assert np.isfinite(halves).all(), "beyond the range of half precision"
    return halves


def _write_lines(path: pathlib.Path, lines: list[dict[str, Any]]) -> None:
    write_atomically(path, "".join(json.dumps(line) + "\n" for line in lines).encode())


def _row(name: str) -> str:
    cells, normal_cells, filters = NETWORKS[name]
    *lines, end = read_lines(shipped.WEIGHTS / f"{name}.jsonl")
    minutes = sum(line["processor_seconds"] for line in lines) / 60
    size = (shipped.WEIGHTS / f"{name}{weights_file.ENDING}").stat().st_size
    return (
        f"| `{name}{weights_file.ENDING}` | `{cells}` | `cifar_pooled`, N = {normal_cells}, "
        f"F = {filters} | {EPOCHS} | {end['accuracy']:.1%} | {minutes:.0f} min | "
        f"{size:,} |"
    )


if __name__ == "__main__":
    main()
