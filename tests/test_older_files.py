"""Files that an earlier version wrote are read, gone on with and ended as that version would have.

The files and what came of their undisturbed twins were made by commit d46145e
(`fixtures/d46145e/README.md`). They are used by command line alone, as whoever has such files
does, so that nothing here knows in which module the code lies.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import tarfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from forked_commands import run_forked

ROOT = pathlib.Path(__file__).parents[1]

Run = Callable[..., str]


@pytest.fixture(scope="module")
def run(embedded_dir: pathlib.Path) -> Run:
    """Runs a command of this project in a folder, to its good end; gives what it said."""

    def run(folder: pathlib.Path, module: str, *arguments: str) -> str:
        environment = {**os.environ, "CELLS_DATA_DIR": str(embedded_dir)}
        done = run_forked(module, *arguments, folder=folder, environment=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def unpacked(name: str, folder: pathlib.Path) -> pathlib.Path:
    with tarfile.open(ROOT / "tests" / "fixtures" / "d46145e" / f"{name}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


def read_json(path: pathlib.Path) -> Any:
    return json.loads(path.read_text())


def story(journal: pathlib.Path) -> dict[str, list[dict[str, Any]]]:
    """Of each study of a journal, what trials say but their durations, as JSON has it."""
    import optuna
    from optuna.storages.journal import JournalFileBackend

    storage = optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
    told = {}
    for name in optuna.get_all_study_names(storage):
        told[name] = [
            {
                "state": trial.state.name,
                "params": trial.params,
                "values": trial.values,
                "rungs": trial.intermediate_values,
                "metrics": {
                    k: v for k, v in trial.user_attrs.get("metrics", {}).items() if k != "seconds"
                },
            }
            for trial in optuna.load_study(study_name=name, storage=storage).trials
        ]
    return json.loads(json.dumps(told))


def variables(checkpoint: pathlib.Path) -> dict[str, np.ndarray]:
    """The numbers of a checkpoint, by the names in it."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(checkpoint))
    values = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    return {n: v for n, v in values.items() if isinstance(v, np.ndarray | np.generic)}


def assert_like(told: dict[str, list], expected: dict[str, list]) -> None:
    """Equal proposals and ends; scores are those of trainings, which round as a machine does."""
    assert told.keys() == expected.keys()
    for name, trials in expected.items():
        for key in ("params", "state"):
            assert [t[key] for t in told[name]] == [t[key] for t in trials], (name, key)
        for trial, other in zip(told[name], trials, strict=True):
            assert trial["metrics"] == pytest.approx(other["metrics"], rel=0.02, abs=0.02)
            assert trial["rungs"].keys() == other["rungs"].keys()


@pytest.mark.parametrize("strategy", ["evolution", "reinforce"])
def test_a_killed_search_goes_on_with_the_same_proposals(
    strategy: str, tmp_path: pathlib.Path, run: Run
) -> None:
    folder = unpacked(strategy, tmp_path)
    journal = folder / "search" / "study.journal"
    expected = read_json(folder / "expected.json")
    before = story(journal)["search"]
    assert 20 < len(before) < len(expected["search"]) == 40
    run(folder, "cell_search", "--search_dir=search")
    assert story(journal) == expected
    assert (folder / "search" / "genotype.json").exists()


def test_a_finished_search_goes_on(tmp_path: pathlib.Path, run: Run) -> None:
    """Its re-ranking, which was killed; and one more trial, which inherits kept weights."""
    folder = unpacked("finished", tmp_path)
    run(folder, "cells", "validate", "search/genotype.json", "search/top/02.json")
    replayed = run(folder, "cell_search", "--mode=replay", "--search_dir=search")
    assert replayed.endswith("\n6 of 6 proposals are equal\n")
    counted = run(folder, "transfer", "--mode=summary", "--config_file=search/train.yaml")
    expected = read_json(folder / "expected.json")
    # Trial 4 was the best of the search.
    parameters = expected["search"][4]["metrics"]["parameters"]
    assert re.search(rf"^trainable +{parameters:,.0f}$", counted, re.MULTILINE)
    run(folder, "cell_search", "--mode=rerank", "--search_dir=search")
    run(folder, "cell_search", "--search_dir=search", "--params_override=trials=7")
    assert_like(story(folder / "search" / "study.journal"), expected)
    assert expected["search"][6]["metrics"]["inherited"] > 0.5
    assert len(read_json(folder / "search" / "rerank.json")["candidates"]) == 2


def test_a_training_of_a_search_goes_on_behind_its_rung(tmp_path: pathlib.Path, run: Run) -> None:
    """With a sieve before; the weights that were kept at the rung are gone on with."""
    folder = unpacked("rungs", tmp_path)
    expected = read_json(folder / "expected.json")
    # A mark in the kept file tells whether it was read: anew, the training ends alike.
    kept = folder / "search" / "weights" / "search" / "6.npz"
    with np.load(kept) as file:
        arrays = dict(file)
    facts = json.loads(arrays["facts"].tobytes())
    assert facts["inherited"] == expected["search"][6]["metrics"]["inherited"]
    facts["inherited"] = expected["search"][6]["metrics"]["inherited"] = 0.125
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    np.savez(kept, **arrays)
    run(folder, "cell_search", "--search_dir=search")
    assert_like(story(folder / "search" / "study.journal"), expected)


def assert_same_weights(checkpoint: pathlib.Path, expected: pathlib.Path) -> None:
    told = variables(checkpoint)
    with np.load(expected) as file:
        assert told.keys() == set(file.files)
        for name in file.files:
            np.testing.assert_allclose(told[name], file[name], rtol=1e-2, atol=2e-3, err_msg=name)


def test_a_killed_training_goes_on(tmp_path: pathlib.Path, run: Run) -> None:
    folder = unpacked("classifier", tmp_path)
    arguments = ["--config_file=settings.yaml", "--genotype=tiny.json", "--model_dir=model"]
    said = run(folder, "transfer", "--mode=train_and_eval", *arguments)
    assert "continues at step 60 of 100" in said
    assert_same_weights(folder / "model" / "ckpt-100", folder / "expected.npz")
    told = read_json(folder / "model" / "evaluation.json")
    expected = read_json(folder / "expected.json")
    assert told["step"] == expected["step"] == 100
    assert told["accuracy"] == pytest.approx(expected["accuracy"], abs=0.01)


def test_weights_files_are_the_network(tmp_path: pathlib.Path, run: Run) -> None:
    """Its 360 test images are answered as before, by a training that changes nothing."""
    folder = unpacked("classifier", tmp_path)
    override = (
        "task: {init_checkpoint: exported/classifier.safetensors, model: {cells: "
        "{batch_norm_momentum: 1.0}}}\ntrainer: {train_steps: 1, steps_per_loop: 1, "
        "validation_interval: 1, optimizer_config: {ema: {average_decay: 0.0}, "
        "learning_rate: {cosine: {initial_learning_rate: 0.0}}}}"
    )
    arguments = ["--config_file=settings.yaml", f"--params_override={override}"]
    arguments += ["--genotype=tiny.json", "--model_dir=new"]
    run(folder, "transfer", "--mode=train_and_eval", *arguments)
    told, expected = (read_json(folder / f) for f in ("new/evaluation.json", "expected.json"))
    assert told["accuracy"] == pytest.approx(expected["accuracy"], abs=1e-6)
    assert told["validation_loss"] == pytest.approx(expected["validation_loss"], rel=1e-3)


def test_a_keras_file_is_opened(tmp_path: pathlib.Path) -> None:
    import keras

    folder = unpacked("classifier", tmp_path)
    model = keras.models.load_model(folder / "exported" / "classifier.keras")
    with np.load(folder / "logits.npz") as file:
        logits = keras.ops.convert_to_numpy(model(file["images"]))
        np.testing.assert_allclose(logits, file["logits"], rtol=1e-3, atol=1e-3)


def test_a_detector_finds_what_it_found_and_is_trained_on(tmp_path: pathlib.Path, run: Run) -> None:
    folder = unpacked("detector", tmp_path)
    arguments = ["--model_dir=model", "--output=found", "images/1.png"]
    run(folder, "detection", "--mode=predict", *arguments)
    told, expected = (
        sorted(read_json(folder / f), key=lambda o: o["bbox"])
        for f in ("found/results.json", "results.json")
    )
    assert len(told) == len(expected) == 2
    for one, other in zip(told, expected, strict=True):
        assert one["category_id"] == other["category_id"]
        assert one["bbox"] == pytest.approx(other["bbox"], abs=0.1)
        assert one["score"] == pytest.approx(other["score"], abs=0.01)
    arguments = ["--config_file=settings.yaml", "--genotype=tiny.json", "--model_dir=model"]
    said = run(folder, "detection", "--mode=train", *arguments)
    assert "continues at step 200 of 210" in said
    assert_same_weights(folder / "model" / "ckpt-210", folder / "expected.npz")
