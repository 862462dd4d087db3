"""What NNI 3.0's networks of the DARTS family compute for weights and images made by a rule.

`nni_oracle.json` holds logits. It is written in an environment with NNI, which needs neither
TensorFlow nor this project's other libraries, from the root of the repository:

    python -m venv nni && nni/bin/pip install nni==3.0 "pytorch-lightning<2.5" torch
    nni/bin/python -m benchmarks.nni_oracle

NNI stacks all cells of its `nasnet` module as the code of DARTS does (`cells.operations.families`),
those of ENAS, too, whose own code stacks them otherwise.
"""

from __future__ import annotations

import importlib
import json
import pathlib
import re
from typing import Any

import numpy as np

from benchmarks.oracle_rule import image, value

FILE = pathlib.Path(__file__).with_suffix(".json")

#: Name: NNI's space, our genotype, width, cells, data, sizes of the images. The maps of 33 and 65
#: pixels are odd wherever they are halved: there TensorFlow's padding and PyTorch's are the same;
#: those of 32 and 64 are even.
NETWORKS: dict[str, tuple[str, str, int, int, str, tuple[int, ...]]] = {
    "darts_v2": ("DARTS", "darts_v2", 36, 20, "cifar", (33, 32)),
    "darts_v2_small": ("DARTS", "darts_v2", 8, 5, "cifar", (33, 32)),
    "darts_v2_imagenet_small": ("DARTS", "darts_v2", 8, 5, "imagenet", (65, 64)),
    "enas_small": ("ENAS", "enas", 8, 5, "cifar", (33, 32)),
}

#: Our operations as NNI calls them.
_OPERATIONS = {"identity": "skip_connect"}


def main() -> None:
    """Writes the logits; runs where NNI is."""
    # By name: this project does not depend on either.
    torch = importlib.import_module("torch")
    nasnet = importlib.import_module("nni.nas.hub.pytorch.nasnet")
    found = {}
    for name, (space, genotype, width, cells, dataset, sizes) in NETWORKS.items():
        sample = _sample(genotype)
        model = getattr(nasnet, space).frozen_factory(sample)(
            width=width, num_cells=cells, dataset=dataset
        )
        state = {
            key: torch.from_numpy(value(key, tuple(tensor.shape)))
            for key, tensor in model.state_dict().items()
            if not key.endswith("num_batches_tracked")
        }
        missing = set(model.load_state_dict(state, strict=False).missing_keys)
        assert all(key.endswith("num_batches_tracked") for key in missing)
        model.eval()
        with torch.no_grad():
            logits = {
                str(size): model(torch.from_numpy(image(size).transpose(0, 3, 1, 2)))[0].tolist()
                for size in sizes
            }
        shapes = {key: list(tensor.shape) for key, tensor in state.items()}
        found[name] = {
            "tensors": len(shapes),
            "scalars": sum(int(np.prod(shape)) for shape in shapes.values()),
            "logits": {
                size: [float(f"{x:.7g}") for x in values] for size, values in logits.items()
            },
        }
        print(name, found[name]["tensors"], found[name]["scalars"])
    FILE.write_text(json.dumps(found) + "\n", encoding="utf-8")


def _sample(genotype: str) -> dict[str, Any]:
    """A published genotype as NNI's choices."""
    path = pathlib.Path(__file__).parents[1] / "cells/genotype/published" / f"{genotype}.json"
    given = json.loads(path.read_text(encoding="utf-8"))
    sample: dict[str, Any] = {}
    for cell, label in (("normal", "normal"), ("reduction", "reduce")):
        for node, block in enumerate(given[cell]["blocks"], start=2):
            for side, key in enumerate(("left", "right")):
                operation = block[key]["operation"]
                sample[f"{label}/op_{node}_{side}"] = _OPERATIONS.get(operation, operation)
                sample[f"{label}/input_{node}_{side}"] = [block[key]["input"]]
    return sample


def difference_to_nni(name: str, size: int, border_rule: str = "pytorch") -> float:
    """Largest difference of our logits to NNI's, in parts of the largest logit.

    Args:
        name: one of `NETWORKS`.
        size: of its images.
        border_rule: of our network.

    Raises:
        AssertionError: NNI's network has other tensors.
    """
    import dataclasses

    import keras

    from cells.genotype import catalogue
    from cells.network import presets
    from cells.network.stack import stack
    from cells.weights import weights_file

    oracle = json.loads(FILE.read_text(encoding="utf-8"))[name]
    _, published, width, cells, dataset, _ = NETWORKS[name]
    genotype = dataclasses.replace(catalogue.load(published), stacking="darts")
    config = presets.configure(
        genotype,
        "cifar" if dataset == "cifar" else "imagenet_mobile",
        normal_cells=(cells - 2) // 3,
        filters=width,
        image_size=(size, size),
        border_rule=border_rule,
    )
    nodes = stack(genotype, config).needed(["logits"])
    every_name = {node.name for node in nodes}
    layers: dict[str, list[np.ndarray]] = {}
    for node in nodes:
        if node.inputs and (shapes := node.primitive.weight_shapes(node.inputs[0].channels)):
            layers[node.name] = _tensors(_module(node.name, every_name), shapes)
    flat = [array for arrays in layers.values() for array in arrays]
    assert len(flat) == oracle["tensors"] and sum(a.size for a in flat) == oracle["scalars"]
    model = weights_file.build(weights_file.WeightsFile(genotype, config, layers), keras)
    logits = np.asarray(model(image(size)))[0]
    keras.utils.clear_session()
    expected = np.asarray(oracle["logits"][str(size)])
    return float(np.abs(logits - expected).max() / np.abs(expected).max())


def _module(name: str, every_name: set[str]) -> str:
    """NNI's module that is our layer `name`; of a separable convolution, the depthwise one."""
    outside = {
        **{"stem_conv": "stem.0", "stem_bn": "stem.1", "logits": "classifier"},
        **{"stem_1_conv": "stem0.0", "stem_1_bn": "stem0.1", "stem_2_conv": "stem0.3"},
        **{"stem_2_bn": "stem0.4", "stem_3_conv": "stem1.1", "stem_3_bn": "stem1.2"},
    }
    if name in outside:
        return outside[name]
    found = re.fullmatch(r"(group_(\d)_cell_(\d+)|reduction_(\d))_(.+)", name)
    assert found, name
    # A group of NNI begins with its Reduction cell.
    stage, place = int(found[2] or 0) - 1, int(found[3] or 0)
    where = f"stages.{found[4]}.0" if found[4] else f"stages.{stage}.{place - (stage == 0)}"
    part = found[5]
    if part.startswith(("align", "squeeze")):
        kind, rest = part.split("_", 1)
        where += f".preprocessor.pre{int(kind == 'squeeze')}"
    else:
        block, side, rest = re.fullmatch(r"block_(\d)_(left|right)_(.+)", part).groups()  # type: ignore[union-attr]
        where += f".ops.{block}.{int(side == 'right')}"
    if rest == "bn":
        before = name.removesuffix("bn")
        if f"{before}conv_1" not in every_name:
            rest = "2" if f"{before}conv" in every_name else "3"
    inside = {
        **{"separable": "1", "separable_1": "1", "bn_1": "3", "separable_2": "5", "bn_2": "7"},
        **{"conv": "1", "conv_1": "conv_1", "conv_2": "conv_2"},
    }
    return f"{where}.{inside.get(rest, rest)}"


def _tensors(module: str, shapes: tuple[tuple[int, ...], ...]) -> list[np.ndarray]:
    """The tensors of a layer of ours, in its layout."""
    if len(shapes) == 4:  # A batch norm.
        parts = ("weight", "bias", "running_mean", "running_var")
        return [value(f"{module}.{part}", shapes[0]) for part in parts]
    if len(shapes[0]) == 2:  # The classifier.
        weight = value(f"{module}.weight", shapes[0][::-1])
        return [weight.T, value(f"{module}.bias", shapes[1])]
    head, _, number = module.rpartition(".")
    if len(shapes) == 1:
        height, width, inputs, outputs = shapes[0]
        weight = value(f"{module}.weight", (outputs, inputs, height, width))
        return [weight.transpose(2, 3, 1, 0)]
    (height, width, inputs, _), (_, _, _, outputs) = shapes
    spatial = value(f"{module}.weight", (inputs, 1, height, width))
    pointwise = value(f"{head}.{int(number) + 1}.weight", (outputs, inputs, 1, 1))
    return [spatial.transpose(2, 3, 0, 1), pointwise.transpose(2, 3, 1, 0)]


if __name__ == "__main__":
    main()
