"""Whether networks of cells learn 100 photos by heart, by the command that people use.

The first 100 training images of ImageNet are written as a folder of image files; so each of their
classes gets one of the labels 0 to 99. Networks of NASNet-A and of what a short search found are
trained on them with `configs/transfer/imagenet_overfit.yaml`.

Needs CELLS_DATA_DIR with `imagenet2012` prepared, of whose training images the first 100 are of 100
classes, as in a sample with one image of each class.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
import tempfile

from benchmarks.commands import run
from benchmarks.data import data_dir
from benchmarks.report import Figure, print_figures, required
from benchmarks.searches import short_search

LIMITS = {
    "*, training top-1 after * steps": (">= 0.95", 0.01, "chance, of a hundred classes"),
    "*, minutes of the command": ("<= 6", 10, "every step traced anew, about"),
}

IMAGES = 100
RECIPE = "configs/transfer/imagenet_overfit.yaml"


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2, help="of the search")
    args = parser.parse_args()
    data_dir()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        _write_photos(folder / "photos")
        found = short_search(folder, args.trials)
        figures = [*_figures("nasnet_a", "NASNet-A", folder), *_figures(found, "found", folder)]
    print_figures(figures, seeds=[0])


def _figures(genotype: str, name: str, folder: pathlib.Path) -> list[Figure]:
    photos, model_dir = folder / "photos", folder / name
    seconds = run(
        "cell-transfer",
        "--mode=train_and_eval",
        f"--config_file={RECIPE}",
        f"--params_override=task.train_data.tfds_name={photos},"
        f"task.validation_data.tfds_name={photos}",
        f"--genotype={genotype}",
        f"--model_dir={model_dir}",
        f"--data_dir={folder}/data",
    )
    metrics = json.loads((model_dir / "evaluation.json").read_text(encoding="utf-8"))
    return [
        required(
            LIMITS,
            f"{name}, training top-1 after {int(metrics['step'])} steps",
            round(metrics["accuracy"], 4),
        ),
        required(LIMITS, f"{name}, minutes of the command", round(seconds / 60, 2)),
    ]


def _write_photos(folder: pathlib.Path) -> None:
    """The first images of the training split as `train/CLASS/*`, byte for byte."""
    import tensorflow_datasets as tfds

    from cells import data

    builder = data.builder("imagenet2012", data_dir())
    names = data.image_classes(builder).class_names
    photos = builder.as_dataset(
        split=f"train[:{IMAGES}]", decoders={"image": tfds.decode.SkipDecoding()}
    )
    seen = set()
    for photo in photos.as_numpy_iterator():
        name = names[photo["label"]]
        seen.add(name)
        path = folder / "train" / name / photo["file_name"].decode()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo["image"])
    if len(seen) != IMAGES:
        sys.exit(f"the first {IMAGES} training images are of {len(seen)} classes only")


if __name__ == "__main__":
    main()
