"""Whether both stages mean the same by a network and its training.

One child is trained by the search's engine, as `configs/search/cifar10_afternoon.yaml` says, and
by `cell-transfer` with `configs/transfer/cifar10_child.yaml`, on the same images of CIFAR-10 and
for as many steps, several seeds each. The mean accuracies on the same held-out images must be
close.

Needs CELLS_DATA_DIR with `cifar10` prepared.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import tempfile
import time
from typing import Any

from benchmarks.commands import ROOT, run
from benchmarks.data import data_dir
from benchmarks.report import print_figures, required

SEARCH = "configs/search/cifar10_afternoon.yaml"
RECIPE = "configs/transfer/cifar10_child.yaml"

LIMITS = {
    "accuracy by the *'s engine": (">= 0.2", 0.1, "chance, of ten classes"),
    "difference of the means after * steps": ("<= 0.02", 0.31, "one engine that learns nothing"),
    "minutes": ("<= 15", 25, "evaluations of all images after each pass, about"),
}

#: As many passes over the images as the steps of the recipe make.
EPOCHS = 6


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    data_dir()
    start = time.perf_counter()
    search = _search()
    steps = search.images.training // search.evaluator.batch * EPOCHS
    accuracies: dict[str, list[float]] = {"search": [], "transfer": []}
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        files = _write_images(search.images, folder)
        for seed in range(args.seeds):
            accuracies["search"].append(_of_search(search, seed, steps))
            accuracies["transfer"].append(_of_transfer(files, folder / str(seed), seed, steps))
            print({name: found[-1] for name, found in accuracies.items()}, flush=True)
    minutes = (time.perf_counter() - start) / 60
    means = {name: statistics.mean(found) for name, found in accuracies.items()}
    print_figures(
        [
            *(
                required(
                    LIMITS,
                    f"accuracy by the {name}'s engine",
                    round(mean, 4),
                    note=f"mean of {args.seeds}",
                )
                for name, mean in means.items()
            ),
            required(
                LIMITS,
                f"difference of the means after {steps} steps",
                round(abs(means["search"] - means["transfer"]), 4),
            ),
            required(LIMITS, "minutes", round(minutes, 1)),
        ],
        seeds=range(args.seeds),
    )


def _search() -> Any:
    """The search whose child is trained, with the longer training of this comparison."""
    from cell_search.config import resolve, schema
    from cells.support.overrides import override

    settings = f"evaluator.train.epochs={EPOCHS}"
    return resolve.resolve(override(schema.SearchConfig(), [str(ROOT / SEARCH)], settings))


def _of_search(search: Any, seed: int, steps: int) -> float:
    from cell_search.evaluators import Request, evaluate
    from cells.genotype import catalogue

    result = evaluate(
        Request(
            number=0,
            genotype=catalogue.find("nasnet_a"),
            decisions={},
            space=search.space,
            evaluator=search.evaluator,
            images=search.images,
            seed=seed,
        )
    )
    assert result.failure is None, result.failure
    assert result.metrics["steps"] == steps, result.metrics
    return result.metrics["accuracy"]


def _of_transfer(files: dict[str, str], folder: pathlib.Path, seed: int, steps: int) -> float:
    settings = {
        "task": {
            "seed": seed,
            "train_data": {"input_path": files["training"], "seed": seed},
            "validation_data": {"input_path": files["held_out"]},
        }
    }
    run(
        "cell-transfer",
        "--mode=train_and_eval",
        f"--config_file={RECIPE}",
        f"--params_override={json.dumps(settings)}",
        f"--model_dir={folder}",
    )
    metrics = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    assert metrics["step"] == steps, metrics
    return metrics["accuracy"]


def _write_images(settings: Any, folder: pathlib.Path) -> dict[str, str]:
    """The images of both parts of a search in their own size, as `cell-transfer` reads files."""
    import tensorflow as tf

    from cell_search import images
    from cells import data

    builder = images.builder_of(settings)
    classes = data.image_classes(builder)
    found = images.load(settings)
    parts = {"training": found.training_indices, "held_out": found.held_out_indices}
    paths = {name: str(folder / f"{name}.tfrecord") for name in parts}
    for name, indices in parts.items():
        with tf.io.TFRecordWriter(paths[name]) as writer:
            for example in data.examples_at(builder, settings.split, classes, indices):
                encoded = tf.io.encode_png(example[classes.image_key]).numpy()
                label = int(example[classes.label_key])
                features = {
                    "image/encoded": tf.train.Feature(bytes_list={"value": [encoded]}),
                    "image/class/label": tf.train.Feature(int64_list={"value": [label]}),
                }
                record = tf.train.Example(features={"feature": features})
                writer.write(record.SerializeToString())
    return paths


if __name__ == "__main__":
    main()
