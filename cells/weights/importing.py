"""From a file of another library to the layers of our network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cells.kinds import files as kinds
from cells.network import presets
from cells.network.stack import stack
from cells.network.stack_config import StackConfig
from cells.operations.architecture import Architecture
from cells.operations.graph import Node
from cells.support.errors import UserError, listed
from cells.support.registry import choose
from cells.weights.sources import SOURCES, WeightSource
from cells.weights.weights_file import WeightsFile, fault_of

HEAD = "logits"


@dataclass(frozen=True)
class Imported:
    """What came out of a file.

    Attributes:
        weights: the network and its weights.
        said: in a line, what was taken and what was left out.
    """

    weights: WeightsFile
    said: str


def import_weights(
    source_name: str, file: str, genotype_name: str, *, num_classes: int | None = None
) -> Imported:
    """Reads the weights of a published network.

    Args:
        source_name: one of `SOURCES`.
        file: the library's own file.
        genotype_name: `nasnet_a`, `pnasnet_5` or `inception_v4`.
        num_classes: classes of the wanted head; None takes the file's. A head of another count
            is left out, and that is said.

    Raises:
        UserError: the file is damaged or belongs to another network; says in one sentence which
            names are missing, over, or of another shape.
    """
    source = choose("--from", source_name, SOURCES)
    if genotype_name not in source.networks:
        raise UserError(
            f"--genotype: {source.name} has no weights for {genotype_name[:60]!r}; it has them for "
            f"{', '.join(source.networks)}"
        )
    genotype = kinds.find_network(genotype_name)
    rule = None if isinstance(genotype, Architecture) else source.border_rule
    arrays = source.read(file)
    candidates = [
        presets.configure(genotype, network, border_rule=rule)
        for network in source.networks[genotype_name]
    ]
    tried = [(_Match(source, genotype, config, arrays), config) for config in candidates]
    match, config = min(tried, key=lambda pair: len(pair[0].problems))
    if match.problems:
        raise UserError(f"{file}: no weights of {genotype.name}: {match.told()}")
    head = match.head
    classes = None if head is None else len(head[-1])
    said = f"{len(match.layers)} layers of {genotype.name}" + f" ({rule} border rule)" * bool(rule)
    if head is not None and num_classes not in (None, classes):
        said += f"; the head of {classes} classes is left out, {num_classes} are wanted"
        classes = None
    elif head is None:
        said += "; the file has no head"
    else:
        match.layers[HEAD] = head
        said += f" and a head of {classes} classes"
    weights = WeightsFile(
        genotype, config.replace(num_classes=classes), match.layers, f"{source.name}: {file}"
    )
    return Imported(weights, said)


class _Match:
    """A file's arrays laid over the layers of one network."""

    def __init__(
        self,
        source: WeightSource,
        genotype,
        config: StackConfig,
        arrays: dict[str, np.ndarray],
    ):
        nodes = [
            node
            for node in stack(genotype, config).needed(["logits"])
            if node.inputs and node.primitive.weight_shapes(node.inputs[0].channels)
        ]
        self.missing: list[str] = []
        self.wrong: list[str] = []
        self.unfit: list[str] = []
        self.layers: dict[str, list[np.ndarray]] = {}
        self.head: list[np.ndarray] | None = None
        left = set(arrays)
        every_name = frozenset(node.name for node in nodes)
        for node in nodes:
            names = source.names(node, every_name, config)
            left -= set(names)
            missing = [name for name in names if name not in arrays]
            if node.name == HEAD and len(missing) == len(names):
                continue
            self.missing += missing
            if not missing:
                self._take(node, names, [source.to_keras(n, arrays[n]) for n in names])
        self.over = sorted(left)

    def _take(self, node: Node, names: tuple[str, ...], values: list[np.ndarray]) -> None:
        expected = node.primitive.weight_shapes(node.inputs[0].channels)
        # A head may be of any number of classes.
        if node.name == HEAD and values[0].ndim == 2 and values[0].size:
            classes = values[0].shape[1]
            expected = (expected[0][0], classes), (classes,)
        for name, value, shape in zip(names, values, expected, strict=True):
            if value.shape != shape:
                self.wrong.append(f"{name} is {value.shape} instead of {shape}")
            elif fault := fault_of(value):
                self.unfit.append(f"{name} {fault}")
        if node.name == HEAD:
            self.head = values
        else:
            self.layers[node.name] = values

    @property
    def problems(self) -> list[str]:
        return [*self.missing, *self.over, *self.wrong, *self.unfit]

    def told(self) -> str:
        parts = [
            f"{len(names)} {what} ({listed(names)})"
            for what, names in (
                ("missing", self.missing),
                ("over", self.over),
                ("of another shape", self.wrong),
                ("unusable", self.unfit),
            )
            if names
        ]
        return ", ".join(parts)
