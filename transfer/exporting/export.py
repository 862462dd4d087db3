"""Trained networks as files for other programs, each compared with the network that was trained.

`transfer.exporting.formats` says which; a `.keras` file opens with `keras.models.load_model` where
this project is not installed. What only training needs is left out: auxiliary head, drop path,
weight decay.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from absl import logging

from cells.checks.arguments import checked
from cells.data import preprocessing
from cells.kinds import files as kinds
from cells.network.build import build_network
from cells.network.keras_settings import overridden
from cells.support.errors import UserError, cut
from cells.support.files import FilePath, path_text, require_writable, write_json
from cells.weights.by_layer import move_weights, weighted_layers
from transfer.exporting import files
from transfer.exporting.formats import FORMATS, ClassifierFormat, Network, write_labels
from transfer.model import baselines, network
from transfer.training import checkpoints

#: Images on which files are compared with the trained network, and by which int8 is calibrated.
COMPARED = 100
_REPRESENTATIVE = 100


@checked
def export(
    model_dir: FilePath,
    output: FilePath,
    formats: Sequence[str] = (),
    *,
    checkpoint: str = "latest",
) -> dict[str, Any]:
    """Writes the network of a run, and what one must know to use it as JSON.

    Nothing is written unless all files say what the trained network says.

    Args:
        model_dir: folder of the run.
        output: path of a file that ends in `.keras`, the JSON goes beside it; with `formats` a
            folder, in which files of the same names are replaced.
        formats: what to write there, of `keras`, `weights`, `saved_model`, `tflite`, `tflite_int8`
            and `onnx`.
        checkpoint: `latest`, or `best` where the recipe keeps one.

    Returns:
        What the JSON holds: size and scaling of the `input`, names of the `classes`, the
        `genotype`, the `step` of the weights, and in `files` of each format how it compares.

    Raises:
        UserError: `output` ends in something else or cannot be written, the run has no
            checkpoint, a format is not installed, or a file differs from the trained network.

    Example:
        >>> result = transfer.export("run", "classifier.keras")
        >>> result["classes"][:3]
        ['0', '1', '2']
    """
    chosen = _chosen(output, formats)
    require_writable(output)
    trained = checkpoints.open_classifier(model_dir, checkpoint)
    baseline = trained.params.task.model.baseline
    bare = [kind for kind in chosen if kind in ("keras", "weights")]
    if baseline == baselines.OWN:
        bare = [kind for kind in bare if kind == "weights"]
    if baseline and bare:
        raise UserError(
            f"--formats: {bare[0]} is for networks of cells, not for {baseline}; use saved_model"
        )
    source = f"step {trained.step} of {os.path.basename(os.path.abspath(model_dir))}"
    written = _network(trained, source, representative="tflite_int8" in formats)
    pixels, why_not = _pixels(trained, trained.params.task.validation_data, COMPARED)
    if why_not:
        logging.warning(
            "the files are compared on two random images, which say little of real ones, since "
            "there are none of the validation data (%s); give --data_dir",
            why_not,
        )
        shape = (2, *written.model.input_shape[1:])
        pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    expected = network.logits(trained.model(preprocessing.scale(pixels), training=False)).numpy()
    description = {
        **describe(written),
        "step": trained.step,
        "weights": "moving averages" if trained.averaged else "as trained",
        **({"baseline": baseline} if baseline else {}),
        "compared_on": f"{len(pixels)} {'random' if why_not else 'real'} images",
    }
    return write(written, output, formats, description, pixels, expected)


def write(
    written: Network,
    output: FilePath,
    formats: Sequence[str],
    description: Mapping[str, Any],
    pixels: np.ndarray,
    expected: np.ndarray,
) -> dict[str, Any]:
    """Writes a trained network, whoever trained it, and compares each file with it.

    Args:
        written: the network.
        output, formats: as of `export`.
        description: what the JSON says of it, see `describe`.
        pixels: uint8 images that the files are compared on.
        expected: what the trained network says of them.

    Returns:
        The description, with the files and how they compare.

    Raises:
        UserError: `output` cannot be written, or a file differs from the trained network.
    """
    import keras

    output, chosen, told = path_text(output), _chosen(output, formats), dict(description)

    def compared(kind: str, path: str) -> dict[str, float]:
        return compare(kind, expected, chosen[kind].open(path)(pixels))

    with overridden(keras), files.beside(output, folder=bool(formats)) as temporary:
        told["files"] = files.write_compared(written, chosen, temporary, compared)
        if not formats:
            told["files"]["keras"]["file"] = os.path.basename(output)
        json_file = os.path.join(temporary, "classifier.json")
        write_json(json_file, told)
        if formats:
            write_labels(written.class_names, temporary)
            files.replace_all(temporary, output)
        else:
            files.replace(os.path.join(temporary, chosen["keras"].file), output)
            files.replace(json_file, os.path.splitext(output)[0] + ".json")
    return told


def compare(kind: str, expected: np.ndarray, actual: np.ndarray) -> dict[str, float]:
    """How a file's logits compare with the trained network's.

    Returns:
        `top_1_agreement`, a share of the images, and `largest_difference` of logits, relative to
        the largest logit.

    Raises:
        UserError: they differ by more than the format's rounding can.
    """
    form = FORMATS[kind]
    agreement = float(np.mean(expected.argmax(-1) == actual.argmax(-1)))
    difference = float(np.max(np.abs(expected - actual)) / np.max(np.abs(expected)))
    exact = difference <= form.difference  # Never of NaN.
    if agreement < form.agreement or not exact:
        raise files.differs(
            kind,
            "network",
            f"the likeliest class agrees on {agreement:.1%} of the images, logits differ by up to "
            f"{difference:.1e} of the largest",
        )
    return {"top_1_agreement": agreement, "largest_difference": difference}


def keras_model(trained: checkpoints.Trained) -> Any:
    """The trained network for inference, as a Keras 3 model in float32.

    Returns:
        A model `(batch, height, width, channels)` -> logits `(batch, num_classes)`; its input is
        scaled as `cells.data.preprocessing.scale` does.
    """
    import keras

    if trained.params.task.model.baseline:
        model = baselines.build(trained.params.task.model, keras)
        # Some of their layers are numbered anew with every model, but come in one order.
        pairs = zip(weighted_layers(trained.model), weighted_layers(model), strict=True)
        for layer, own in pairs:
            own.set_weights(layer.get_weights())
        return model
    genotype, stack = _layout(trained)
    model = build_network(genotype, stack, keras)
    moved = move_weights(trained.model, model)
    # Names follow from the layout: if one is missing, the two layouts differ.
    assert not moved.missing and not moved.unfit, moved
    return model


def _layout(trained: checkpoints.Trained) -> tuple[Any, Any]:
    """Genotype and stack for inference; None of a baseline."""
    if trained.params.task.model.baseline:
        return None, None
    genotype, stack = network.layout(trained.params.task.model)
    return genotype, stack.replace(auxiliary_head=False, drop_path_keep=1.0)


def _network(trained: checkpoints.Trained, source: str, *, representative: bool) -> Network:
    model = keras_model(trained)
    genotype, stack = _layout(trained)
    pixels = np.zeros((0, *model.input_shape[1:]), np.uint8)
    if representative:
        pixels, _ = _pixels(trained, trained.params.task.train_data, _REPRESENTATIVE)
    return Network(
        model=model,
        class_names=trained.class_names,
        representative=pixels,
        genotype=genotype,
        stack=stack,
        source=source,
    )


def _pixels(trained: checkpoints.Trained, data: Any, count: int) -> tuple[np.ndarray, str]:
    """Images as evaluation feeds them, before they are scaled; none where the data are not here.

    Returns:
        uint8 `(n, height, width, channels)`, and why there are none; "" where there are some.
    """
    data = data.replace(is_training=False, drop_remainder=False, global_batch_size=count)
    try:
        for given, _ in trained.task.build_inputs(data).take(1):
            scaled = np.asarray(given, np.float32)
            return np.clip(np.rint((scaled + 1.0) * 127.5), 0, 255).astype(np.uint8), ""
    except (UserError, ValueError) as error:
        return np.zeros((0,), np.uint8), cut(str(error), 300)
    return np.zeros((0,), np.uint8), "the split is empty"


def _chosen(output: FilePath, formats: Sequence[str]) -> dict[str, ClassifierFormat]:
    if not formats and not os.fspath(output).endswith(".keras"):
        raise UserError(
            f"--output: {output} must end in .keras; for other files name formats, and a folder"
        )
    return files.choose_formats(formats or ("keras",), FORMATS)


def describe(written: Network) -> dict[str, Any]:
    """What one must know of a network to use it."""
    height, width, channels = written.model.input_shape[1:]
    told = {
        "input": {
            "height": height,
            "width": width,
            "channels": channels,
            "scaling": preprocessing.SCALING,
            "orientation": "upright, as EXIF says of photographs (PIL.ImageOps.exif_transpose)",
        },
        "output": "logits",
        "classes": list(written.class_names),
    }
    if written.genotype:
        told["border_rule"] = written.stack.border_rule
        told["genotype"] = kinds.to_dict(written.genotype)
    return told
