"""Detectors that learn 8 images of COCO by heart, by the commands that people use.

What is not learnt by heart is broken somewhere between the boxes and the twelve numbers: anchors,
losses, gradients, decoding, suppression, evaluation. RetinaNet and Faster R-CNN over a small
NASNet-A, then over a genotype that a short search on digits found; the images are the first 8 of
the training split, all of which have boxes. Needs CELLS_DATA_DIR with `coco/2017` prepared.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import tempfile

from benchmarks.commands import run
from benchmarks.data import data_dir
from benchmarks.report import Figure, print_figures, required
from benchmarks.searches import short_search

LIMITS = {
    "AP50 on 8 images learnt by heart: RetinaNet with *": (">= 0.8", 0.0, "shifted boxes"),
    "AP50 on 8 images learnt by heart: Faster R-CNN with *": (">= 0.6", 0.0, "shifted boxes"),
    "minutes: *": ("<= 20", 40, "every step traced anew, about"),
}

#: Recipes by detector.
RECIPES = {
    "RetinaNet": "configs/detection/coco_small.yaml",
    "Faster R-CNN": "configs/detection/coco_small_fasterrcnn.yaml",
}


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--trials", type=int, default=3, help="of the search; 0: NASNet-A alone is measured"
    )
    args = parser.parse_args()
    data_dir()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        genotypes = {"NASNet-A": "nasnet_a"}
        if args.trials:
            genotypes["cells of a search"] = short_search(folder, args.trials)
        figures = [
            figure
            for cells, genotype in genotypes.items()
            for detector in RECIPES
            for figure in _learnt(folder / cells / detector, detector, cells, genotype)
        ]
    print_figures(figures, seeds=[0])


def _learnt(model_dir: pathlib.Path, detector: str, cells: str, genotype: str) -> list[Figure]:
    seconds = run(
        "cell-detect",
        "--mode=train_and_eval",
        f"--config_file={RECIPES[detector]}",
        f"--genotype={genotype}",
        f"--model_dir={model_dir}",
    )
    metrics = json.loads((model_dir / "evaluation.json").read_text(encoding="utf-8"))
    name = f"{detector} with {cells}"
    return [
        required(LIMITS, f"AP50 on 8 images learnt by heart: {name}", round(metrics["AP50"], 4)),
        required(LIMITS, f"minutes: {name}", round(seconds / 60, 2)),
    ]


if __name__ == "__main__":
    main()
