"""All three stages on real handwritten digits, as a newcomer would run them (`make demo`).

A search finds cells on small pictures of digits; its genotype is trained as a classifier, exported,
and used as the backbone of a detector on scenes of several digits. The commands are those of the
README. What it ran before goes on where it was; `--again` begins anew. `--figures` ends in what
`python -m benchmarks.figures 01-demo` records.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pathlib
import resource
import shutil
import time
from collections import Counter
from collections.abc import Iterator

from benchmarks.commands import ROOT, run_forked
from benchmarks.report import print_figures, required

LIMITS = {
    "minutes": ("<= 4", 8.5, "the demo of before, with a program for each command"),
    "minutes of processor time": ("<= 7", 13.4, "the demo of before"),
    "digits test accuracy": (">= 0.97", 0.1, "chance, of ten digits"),
    "digits_scenes AP50 on held-out scenes": (">= 0.7", 0.0, "boxes without digits in them"),
}

#: What takes seconds to import and is the same for all commands.
_IMPORTS = (
    "cell_search.api",
    "cell_search.evaluators.train",
    "transfer.training.runner",
    "detection.training.task",
)


def commands(folder: str = "demo") -> Iterator[tuple[str, ...]]:
    """What the demo runs, one after the other, as in the README.

    Args:
        folder: of everything that is written.
    """
    genotype, data = f"--genotype={folder}/search/genotype.json", f"--data_dir={folder}/data"
    search = f"--search_dir={folder}/search"
    yield "cell-search", "--config_file=configs/search/digits_demo.yaml", search, data
    yield "cells", "draw", f"{folder}/search/genotype.json", f"--output={folder}/cells.svg"
    yield (
        "cell-transfer",
        "--mode=train_and_eval",
        "--config_file=configs/transfer/digits.yaml",
        genotype,
        f"--model_dir={folder}/classifier",
        data,
    )
    yield (
        "cell-transfer",
        "--mode=export",
        f"--model_dir={folder}/classifier",
        f"--output={folder}/classifier.keras",
    )
    yield (
        "cell-detect",
        "--mode=train_and_eval",
        "--config_file=configs/detection/digits_demo.yaml",
        genotype,
        f"--params_override=task.init_checkpoint={folder}/classifier",
        f"--model_dir={folder}/detector",
        data,
    )
    yield (
        "cell-detect",
        "--mode=predict",
        f"--model_dir={folder}/detector",
        f"--output={folder}/pictures",
        "--class_agnostic",
        "--params_override=task.validation_data.tfds_split=validation[:12]",
    )


def main() -> None:
    """Runs the demo and prints what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default="demo", help="folder of everything that is written")
    parser.add_argument("--again", action="store_true", help="remove what an earlier demo wrote")
    parser.add_argument("--figures", action="store_true", help="end in figures, for programs")
    args = parser.parse_args()
    folder = ROOT / args.output
    if args.again:
        for name in ("search", "classifier", "detector", "pictures"):
            shutil.rmtree(folder / name, ignore_errors=True)
    start = time.perf_counter()
    _import()
    for command in commands(args.output):
        run_forked(*command)
    minutes = (time.perf_counter() - start) / 60
    accuracy = _metrics(folder / "classifier")["accuracy"]
    ap50 = _metrics(folder / "detector")["AP50"]
    _tell(folder, minutes, accuracy, ap50)
    if args.figures:
        print_figures(
            [
                required(LIMITS, "minutes", round(minutes, 2)),
                required(LIMITS, "minutes of processor time", round(_processor_minutes(), 2)),
                required(LIMITS, "digits test accuracy", round(accuracy, 4)),
                required(LIMITS, "digits_scenes AP50 on held-out scenes", round(ap50, 4)),
            ],
            seeds=[0],
        )


def _import() -> None:
    """Imports once what the commands would import each."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Of detectors a third quicker, and at this size never seen to fail: see
    # `detection.training.onednn`.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    for module in _IMPORTS:
        importlib.import_module(module)


def _tell(folder: pathlib.Path, minutes: float, accuracy: float, ap50: float) -> None:
    rows = {
        "the cells, as a genotype": folder / "search" / "genotype.json",
        "their drawing": folder / "cells.svg",
        "report of the search": folder / "search" / "report.html",
        "classifier, for Keras": folder / "classifier.keras",
        "picture with boxes": _fullest(folder / "pictures"),
        "all boxes, COCO's format": folder / "pictures" / "results.json",
    }
    print(f"\n{'-' * 72}")
    for name, path in rows.items():
        assert path.is_file(), f"{path} was not written"
        print(f"  {name:<26} {os.path.relpath(path)}")
    print(
        f"\nIn {minutes:.1f} minutes a search found two cells; stacked into a classifier they read "
        f"{accuracy:.1%} of the\ntest digits right, and as the backbone of a detector they find "
        f"digits in scenes that it never saw\nwith an AP50 of {ap50:.2f}."
    )


def _processor_minutes() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used) / 60


def _fullest(folder: pathlib.Path) -> pathlib.Path:
    """The picture with the most boxes."""
    entries = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    boxes = Counter(entry["image_id"] for entry in entries)
    return max((folder / "pictures").iterdir(), key=lambda path: (boxes[int(path.stem)], path.stem))


def _metrics(model_dir: pathlib.Path) -> dict:
    return json.loads((model_dir / "evaluation.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
