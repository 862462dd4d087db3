"""A folder of image files all the way: converted, searched on, trained on by the next stage."""

from __future__ import annotations

import pathlib
import sys

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
import yaml
from search_commands import run_command

from cells import data
from cells.__main__ import run as main
from cells.genotype import genotype_file
from transfer.config import configure
from transfer.training import runner

_PER_CLASS = 10

#: Children of one block and one cell, and a search of two of them.
_SEARCH = (
    "trials=2,strategy.type=random,space.name=pnas,space.blocks=1,images.size=16,"
    "images.held_out=20,images.training=40,evaluator.train.epochs=1,evaluator.train.batch=20,"
    "evaluator.train.normal_cells=1,evaluator.train.filters=4,"
    "evaluator.parameters.normal_cells=1,evaluator.parameters.filters=4"
)


def write_files(
    name: str, data_dir: pathlib.Path, folder: pathlib.Path, splits: dict[str, str]
) -> None:
    """Writes the first images of each class as files: JPEG or PNG, as they are in the set."""
    builder = data.builder(name, data_dir)
    classes = data.image_classes(builder)
    for split, prefix in splits.items():
        met = dict.fromkeys(range(classes.num_classes), 0)
        raw = builder.as_dataset(split=split, decoders={"image": tfds.decode.SkipDecoding()})
        for example in raw.as_numpy_iterator():
            label = int(example["label"])
            met[label] += 1
            if met[label] <= _PER_CLASS:
                ending = "png" if example["image"].startswith(b"\x89PNG") else "jpg"
                at = folder / prefix / classes.class_names[label]
                at.mkdir(parents=True, exist_ok=True)
                (at / f"{split}{met[label]}.{ending}").write_bytes(example["image"])
            if min(met.values()) >= _PER_CLASS:
                break


def search(directory: pathlib.Path, sets: pathlib.Path, settings: str) -> None:
    done = run_command(
        [
            sys.executable,
            "-m",
            "cell_search",
            f"--search_dir={directory}",
            f"--data_dir={sets}",
            f"--params_override={_SEARCH},{settings}",
        ]
    )
    assert done.returncode == 0, done.stderr
    assert "2/2" in done.stdout


def transfer(
    directory: pathlib.Path, model_dir: pathlib.Path, data_dir: pathlib.Path | None = None
) -> dict[str, float]:
    """Trains the winner for two steps; returns what the evaluation says."""
    settings = configure.configure(
        configure.experiment(),
        files=[directory / "train.yaml"],
        override="task.train_data.global_batch_size=16,task.train_data.shuffle_buffer_size=32,"
        "task.validation_data.global_batch_size=16,trainer.train_steps=2,trainer.steps_per_loop=1,"
        "trainer.validation_interval=2,trainer.checkpoint_interval=2,trainer.summary_interval=2",
        data_dir=str(data_dir) if data_dir else None,
    )
    return runner.run(settings, "train_and_eval", str(model_dir))


def test_a_folder_of_classes_is_searched_on_without_its_test_images(
    data_dir: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """Photographs of hands. While the search is on, the records of the test split are destroyed."""
    photographs = tmp_path / "hands"
    write_files("sign_language_digits", data_dir, photographs, {"train": "", "test": ""})
    (photographs / "7" / "broken.jpg").write_bytes(b"no photograph")
    copy = pathlib.Path(data.builder(str(photographs), tmp_path / "sets").data_dir)
    (record,) = copy.glob("*test.tfrecord*")
    whole = record.read_bytes()
    record.write_bytes(bytes(len(whole)))
    with pytest.raises(tf.errors.DataLossError):
        list(data.builder(str(copy)).as_dataset(split="test"))

    directory = tmp_path / "search"
    search(directory, tmp_path / "sets", f"images.name={photographs},evaluator.type=train")
    images = genotype_file.read(directory / "genotype.json").provenance["images"]
    assert images["resized"] is True
    assert (images["original_size"], images["size"]) == ([100, 100], [16, 16])

    # 2 x 10 x 10 photographs, a fifth of each digit for the test.
    test_labels = [0] * 10
    record.write_bytes(whole)
    for example in data.builder(str(copy)).as_dataset(split="test").as_numpy_iterator():
        test_labels[example["label"]] += 1
    assert test_labels == [4] * 10
    task = yaml.safe_load((directory / "train.yaml").read_text())["task"]
    assert task["train_data"]["tfds_name"] == task["validation_data"]["tfds_name"] == str(copy)
    assert task["validation_data"]["tfds_split"] == "test"
    assert transfer(directory, tmp_path / "trained")["step"] == 2


def test_a_folder_of_splits_is_converted_by_the_command(
    data_dir: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    """Handwritten Bangla digits; a set that is then known by its name."""
    folder, sets = tmp_path / "bangla", tmp_path / "sets"
    write_files("cmaterdb/bangla", data_dir, folder, {"train": "train", "test": "test"})
    monkeypatch.setattr("sys.argv", ["cells", "dataset", str(folder), f"--output={sets}"])
    main()
    assert "test 100, train 100 images of 10 classes, 32x32 pixels" in capsys.readouterr().out
    directory = tmp_path / "search"
    search(directory, sets, "images.name=bangla,evaluator.type=parameters")
    assert genotype_file.read(directory / "genotype.json").provenance["images"]["set"] == (
        "bangla/1.0.0"
    )
    assert transfer(directory, tmp_path / "trained", sets)["step"] == 2
