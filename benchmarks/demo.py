"""All three stages on real handwritten digits, as a newcomer would run them (`make demo`).

A search finds cells on small pictures of digits; its genotype is trained as a classifier, exported,
and used as the backbone of a detector on scenes of several digits. What it ran before goes on where
it was; `--again` begins anew.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import time
from collections import Counter

from benchmarks.commands import ROOT, run
from benchmarks.report import print_figures, required

LIMITS = {
    "minutes": ("<= 10", 15, "children trained for three times as long, about"),
    "digits test accuracy": (">= 0.96", 0.1, "chance, of ten digits"),
    "digits_scenes AP50 on held-out scenes": (">= 0.7", 0.0, "boxes without digits in them"),
}

#: Pictures with boxes that the demo draws.
SCENES = 12


def main() -> None:
    """Runs the demo and prints a table of what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default="demo", help="folder of everything that is written")
    parser.add_argument("--again", action="store_true", help="remove what an earlier demo wrote")
    args = parser.parse_args()
    folder = pathlib.Path(args.output)
    if args.again:
        for name in ("search", "classifier", "detector", "pictures"):
            shutil.rmtree(ROOT / folder / name, ignore_errors=True)
    start = time.perf_counter()
    _search(folder)
    _classifier(folder)
    _detector(folder)
    minutes = (time.perf_counter() - start) / 60

    accuracy = _metrics(folder / "classifier")["accuracy"]
    ap50 = _metrics(folder / "detector")["AP50"]
    rows = {
        "genotype": folder / "search" / "genotype.json",
        "its drawing": folder / "cells.svg",
        "the same as PNG": folder / "cells.png",
        "report of the search": folder / "search" / "report.html",
        "classifier": folder / "classifier.keras",
        "picture with boxes": _fullest(folder / "pictures"),
        "all boxes, COCO format": folder / "pictures" / "results.json",
    }
    print(f"\n{'-' * 72}\nThe demo took {minutes:.1f} minutes.\n")
    for name, path in rows.items():
        assert (ROOT / path).is_file(), f"{path} was not written"
        print(f"  {name:<24} {path}")
    print()
    print_figures(
        [
            required(LIMITS, "minutes", round(minutes, 2)),
            required(LIMITS, "digits test accuracy", round(accuracy, 4)),
            required(LIMITS, "digits_scenes AP50 on held-out scenes", round(ap50, 4)),
        ],
        seeds=[0],
    )


def _search(folder: pathlib.Path) -> None:
    run(
        "cell-search",
        "--config_file=configs/search/digits_demo.yaml",
        f"--search_dir={folder}/search",
        f"--data_dir={folder}/data",
    )
    for ending in ("svg", "png"):
        run("cells", "draw", f"{folder}/search/genotype.json", f"--output={folder}/cells.{ending}")


def _classifier(folder: pathlib.Path) -> None:
    run(
        "cell-transfer",
        "--mode=train_and_eval",
        "--config_file=configs/transfer/digits.yaml",
        f"--genotype={folder}/search/genotype.json",
        f"--model_dir={folder}/classifier",
        f"--data_dir={folder}/data",
    )
    run(
        "cell-transfer",
        "--mode=export",
        f"--model_dir={folder}/classifier",
        f"--output={folder}/classifier.keras",
    )


def _detector(folder: pathlib.Path) -> None:
    # A third quicker, and at 128 pixels never seen to fail: see `detection.training.onednn`.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    run(
        "cell-detect",
        "--mode=train_and_eval",
        "--config_file=configs/detection/digits_scenes.yaml",
        f"--genotype={folder}/search/genotype.json",
        f"--model_dir={folder}/detector",
        f"--data_dir={folder}/data",
    )
    run(
        "cell-detect",
        "--mode=predict",
        f"--model_dir={folder}/detector",
        f"--output={folder}/pictures",
        f"--params_override=task.validation_data.tfds_split='validation[:{SCENES}]'",
    )


def _fullest(folder: pathlib.Path) -> pathlib.Path:
    """The picture with the most boxes."""
    entries = json.loads((ROOT / folder / "results.json").read_text(encoding="utf-8"))
    boxes = Counter(entry["image_id"] for entry in entries)
    pictures = sorted((ROOT / folder / "pictures").iterdir())
    return max(pictures, key=lambda path: boxes[int(path.stem)]).relative_to(ROOT)


def _metrics(model_dir: pathlib.Path) -> dict:
    return json.loads((ROOT / model_dir / "evaluation.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
