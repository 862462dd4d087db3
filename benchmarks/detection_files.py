"""Files of a detector for other programs, compared with the trained one on real images.

RetinaNet over a small NASNet-A looks at the 8 images of COCO that it was trained with, as itself
and as SavedModel, TFLite and, where its packages are installed, ONNX file. Needs CELLS_DATA_DIR
with `coco/2017` prepared.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import pathlib
import tempfile

from benchmarks.commands import run
from benchmarks.data import data_dir
from benchmarks.report import Figure, print_figures, required

LIMITS = {
    "objects in *": (">= 1", 0, "scores below the threshold"),
    "saved_model: largest difference of *": ("<= 0.0001", 0.1, "pixels scaled twice, about"),
    "*: largest difference of *": ("<= 0.001", 0.1, "pixels scaled twice, about"),
}

STEPS = 100


def main() -> None:
    """Prints the figures."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    data_dir()
    with tempfile.TemporaryDirectory() as temporary:
        print_figures(_figures(pathlib.Path(temporary)), seeds=[0])


def _figures(folder: pathlib.Path) -> list[Figure]:
    formats = ["saved_model", "tflite"]
    if all(importlib.util.find_spec(name) for name in ("tf2onnx", "onnxruntime")):
        formats.append("onnx")
    every = ("train_steps", "checkpoint_interval", "validation_interval")
    run(
        "cell-detect",
        "--mode=train",
        "--config_file=configs/detection/coco_small.yaml",
        f"--model_dir={folder / 'run'}",
        "--params_override=" + ",".join(f"trainer.{name}={STEPS}" for name in every),
    )
    run(
        "cell-detect",
        "--mode=export",
        f"--model_dir={folder / 'run'}",
        f"--output={folder / 'files'}",
        f"--formats={','.join(formats)}",
    )
    told = json.loads((folder / "files" / "detector.json").read_bytes())
    figures = [required(LIMITS, f"objects in {told['compared_on']}", told["objects"])]
    for kind, file in told["files"].items():
        for what, words in (("boxes", "boxes, of the image"), ("scores", "scores")):
            name = f"{kind}: largest difference of {words}"
            figures.append(required(LIMITS, name, float(f"{file[what]:.1e}")))
    return figures


if __name__ == "__main__":
    main()
