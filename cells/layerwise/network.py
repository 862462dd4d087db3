"""A network of convolutions, layer by layer, as plain data (Zoph & Le 2017, section 3.3).

Layers are numbered from 1 on; 0 is the image. A layer is a convolution without bias, a batch norm
and a relu, or a pool (the paper's third search has pools, which are not predicted); padding is
"same", or none. So networks that were designed by hand can be written down, too (`inception_v4`).
What the paper leaves open is chosen so that the published network has its published count
(`nas_v1`):

* The order of convolution, batch norm and relu is just this.
* A layer without inputs reads the image, and one may also name the image among its inputs.
* Inputs are joined along channels. Smaller ones get zeros around them, as many before as behind,
  the odd one behind.
* All layers that nobody reads are joined in the same way, and go through a mean over all pixels and
  a fully connected layer.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import pathlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from cells.genotype import genotype_file
from cells.genotype.canonical import normal_order
from cells.genotype.genotype import check_name
from cells.operations.architecture import Architecture, Sketch
from cells.operations.blocks import classify
from cells.operations.graph import Graph, Tensor
from cells.operations.primitives import (
    BatchNorm,
    Concat,
    Conv,
    Input,
    PadTo,
    Pool,
    Size,
)
from cells.support import settings
from cells.support.errors import UserError
from cells.support.settings import setting

CONVOLUTION = "convolution"
OPERATIONS = (CONVOLUTION, "maximum", "mean")

#: The schema says the same, and the bounds of `Layer`.
MAX_LAYERS = 200

#: Of a network for images of `_USUAL` pixels; the published one has 4.3e9.
MAX_MULTIPLY_ADDS = 10**12
_USUAL = (32, 32)

#: Without the classifier; the largest of `inception_v4`'s kind has 1e8.
MAX_PARAMETERS = 10**9

#: Of what a layer or the classifier reads: pools of pools double them layer by layer.
MAX_CHANNELS = 10**6

SCHEMA = pathlib.Path(__file__).parent / "schema" / "layerwise.schema.json"


@dataclass(frozen=True)
class Layer:
    """A convolution with batch norm and relu, or a pool.

    Attributes:
        height, width: of the filter or the window, in pixels.
        filters: how many; 0 for pools, which make as many channels as they read.
        inputs: numbers of earlier layers, 0 for the image; none stands for the image.
        stride_height, stride_width: in pixels.
        operation: one of `OPERATIONS`.
        padding: `same`, or `valid`, which is none.
    """

    height: int = setting(least=1, most=31)
    width: int = setting(least=1, most=31)
    filters: int = setting(least=0, most=4096)
    inputs: tuple[int, ...] = setting(least=0, most=MAX_LAYERS - 1)
    stride_height: int = setting(1, least=1, most=16)
    stride_width: int = setting(1, least=1, most=16)
    operation: str = setting(CONVOLUTION, choices=OPERATIONS)
    padding: Literal["same", "valid"] = setting("same", choices=("same", "valid"))

    @property
    def reads(self) -> tuple[int, ...]:
        """The inputs, the image where there are none."""
        return self.inputs or (0,)

    @property
    def stride(self) -> Size:
        """By rows and by columns."""
        return self.stride_height, self.stride_width

    @property
    def primitive(self) -> Conv | Pool:
        """The convolution, or the pool."""
        kernel = self.height, self.width
        if self.operation == CONVOLUTION:
            return Conv(kernel, self.stride, self.padding, self.filters)
        return Pool(kernel, self.stride, self.padding, self.operation == "mean")

    @property
    def changes_size(self) -> bool:
        """Whether its map is smaller than what it reads."""
        window = self.height, self.width
        return max(self.stride) > 1 or (self.padding == "valid" and max(window) > 1)


@dataclass(frozen=True)
class LayerwiseNetwork(Architecture):
    """A network layer by layer; one that exists can be built.

    Attributes:
        name: as that of a genotype.
        layers: in the order of computation.
        provenance: where it comes from: JSON values, not part of its identity.

    Raises:
        UserError: names the layer and field at fault and what is allowed.

    Example:
        >>> LayerwiseNetwork("mine", (Layer(3, 3, 36, ()), Layer(3, 5, 48, (0, 1)))).title
        'layer-wise network of 2 layers'
    """

    kind: ClassVar[str] = "layerwise"

    name: str
    layers: tuple[Layer, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        check_name(self.name)
        if not 0 < len(self.layers) <= MAX_LAYERS:
            raise UserError(f"layers: {len(self.layers):,} layers; a network has 1 to {MAX_LAYERS}")
        for n, layer in enumerate(self.layers, 1):
            settings.check(layer, f"layers[{n - 1}].")
            where = f"layers[{n - 1}].inputs"
            for number in layer.inputs:
                if number >= n:
                    raise UserError(
                        f"{where}: layer {number} does not come before this one, which is layer "
                        f"{n}; a layer reads earlier ones only, here 0 (the image) to {n - 1}"
                    )
            if len(set(layer.inputs)) != len(layer.inputs):
                raise UserError(f"{where}: a layer is named twice; name each once")
            if (layer.operation == CONVOLUTION) != (layer.filters > 0):
                raise UserError(
                    f"layers[{n - 1}].filters: a convolution has at least 1, and a pool makes as "
                    f"many channels as it reads and has none; this is {layer.operation!r}"
                )
        self._check_cost()

    def _check_cost(self) -> None:
        shapes = self._shapes(_USUAL, 3)
        read = {f"layers[{n}].inputs": shape.channels for n, shape in enumerate(shapes)}
        read["layers"] = sum(
            self.layers[n - 1].primitive.out_channels((shapes[n - 1].channels,))
            for n in self.unread
        )
        for where, channels in read.items():
            if channels > MAX_CHANNELS:
                raise UserError(
                    f"{where}: {channels:.3g} channels are joined, and the most is "
                    f"{MAX_CHANNELS:,}; use fewer inputs or filters"
                )
        weights = [
            layer.primitive.trainable(shape.channels)
            for layer, shape in zip(self.layers, shapes, strict=True)
        ]
        if sum(weights) > MAX_PARAMETERS:
            raise UserError(
                f"layers: {sum(weights):.3g} parameters are more than {MAX_PARAMETERS:.0e}; use "
                "fewer layers, filters or inputs"
            )
        products = sum(
            math.prod(shape.output) * each for each, shape in zip(weights, shapes, strict=True)
        )
        if products > MAX_MULTIPLY_ADDS:
            raise UserError(
                f"layers: {products:.3g} multiply-adds for an image of 32x32 pixels are more than "
                f"{MAX_MULTIPLY_ADDS:.0e}; use fewer layers, filters or inputs"
            )

    @property
    def unread(self) -> tuple[int, ...]:
        """The layers that no other one reads, which go to the classifier."""
        read = {number for layer in self.layers for number in layer.inputs}
        return tuple(n for n in range(1, len(self.layers) + 1) if n not in read)

    def layout(
        self, size: Size | None, classes: int | None, *, channels: int = 3, dropout: float = 0.0
    ) -> Graph:
        if size is None and any(layer.changes_size for layer in self.layers):
            raise UserError(
                f"image_size: the strides or windows of {self.name} make maps of several sizes, "
                "which are padded with zeros, so it needs a static image_size; give one"
            )
        shapes = self._shapes(size or _USUAL, channels)
        for n, (layer, shape) in enumerate(zip(self.layers, shapes, strict=True)):
            _check_fits(f"layers[{n}]", layer, shape.input)
        graph = Graph()
        maps = [graph.add("image", Input(channels))]
        sizes = [size or _USUAL, *(shape.output for shape in shapes)]
        for n, layer in enumerate(self.layers, 1):
            name = f"layer_{n}"
            x = _joined(graph, name, [(maps[i], sizes[i]) for i in layer.reads])
            if layer.operation == CONVOLUTION:
                x = graph.add(f"{name}_conv", layer.primitive, x)
                maps.append(graph.relu(graph.add(f"{name}_bn", BatchNorm(), x)))
            else:
                maps.append(graph.add(f"{name}_pool", layer.primitive, x))
        x = _joined(graph, "output", [(maps[i], sizes[i]) for i in self.unread])
        classify(graph, x, classes, dropout)
        return graph

    def _shapes(self, size: Size, channels: int) -> list[_Shape]:
        """What each layer reads and makes, for images of `size`."""
        sizes, depths, shapes = [size], [channels], []
        for layer in self.layers:
            read, depth = (
                _largest([sizes[i] for i in layer.reads]),
                sum(depths[i] for i in layer.reads),
            )
            rows, columns = layer.primitive.out_size(read)
            shapes.append(_Shape(read, depth, (max(rows, 0), max(columns, 0))))
            sizes.append(shapes[-1].output)
            depths.append(layer.primitive.out_channels((depth,)))
        return shapes

    def to_dict(self) -> dict[str, Any]:
        return {
            "format_version": genotype_file.FORMAT_VERSION,
            "kind": self.kind,
            "name": self.name,
            "layers": [_values(layer) for layer in self.layers],
            "provenance": dict(self.provenance),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> LayerwiseNetwork:
        genotype_file.check_schema(data, genotype_file.schema(SCHEMA))
        layers = tuple(
            Layer(**{"filters": 0, **{key: _exact(value) for key, value in layer.items()}})
            for layer in data["layers"]
        )
        return cls(data["name"], layers, data.get("provenance", {}))

    def canonical_key(self) -> str:
        numbers = range(1, len(self.layers) + 1)
        layers = dict(zip(numbers, self.layers, strict=True))
        own = {n: (x.height, x.width, x.filters, *x.stride, *_rest(x)) for n, x in layers.items()}
        reads = {n: [(i, "") for i in layer.reads] for n, layer in layers.items()}
        order = normal_order(reads, {0: (), **own}, inputs=1)
        new = {0: 0, **{old: number for number, old in enumerate(order, 1)}}
        form = [[own[n], sorted(new[i] for i, _ in reads[n])] for n in order]
        return hashlib.sha256(json.dumps([self.kind, form]).encode()).hexdigest()

    @property
    def title(self) -> str:
        return f"layer-wise network of {len(self.layers)} layers"

    def describe(self) -> list[str]:
        lines = []
        for n, layer in enumerate(self.layers, 1):
            what = "conv" if layer.operation == CONVOLUTION else layer.operation
            what += f" {layer.height}×{layer.width}"
            what += " stride {}×{}".format(*layer.stride) if max(layer.stride) > 1 else ""
            what += " without padding" if layer.padding == "valid" else ""
            what += f" with {layer.filters} filters" if layer.filters else ""
            lines.append(f"layer {n} = {what} of {_names(layer.reads)}")
        return [*lines, f"output = mean over all pixels of {_names(self.unread)}"]

    def sketch(self) -> Sketch:
        # What several layers read is joined in a box of its own: fewer arcs.
        count = Counter(layer.reads for layer in self.layers if len(layer.reads) > 1)
        rows, edges = [("image", "input")], list[tuple[int, int]]()
        row: dict[tuple[int, ...], int] = {(0,): 0}

        def add(text: str, kind: str, reads: tuple[int, ...]) -> int:
            read = [row[reads]] if reads in row else [row[i,] for i in reads]
            edges.extend((i, len(rows)) for i in read)
            rows.append((text, kind))
            return len(rows) - 1

        for n, layer in enumerate(self.layers, 1):
            if count[layer.reads] > 1 and layer.reads not in row:
                row[layer.reads] = add("joined", "identity", layer.reads)
            stride = " /{}×{}".format(*layer.stride) if max(layer.stride) > 1 else ""
            text, kind = f"{layer.height}×{layer.width}{stride}", CONVOLUTION
            if layer.operation == CONVOLUTION:
                text += f", {layer.filters}"
            else:
                text, kind = f"{layer.operation} {text}", "pool"
            row[n,] = add(text, kind, layer.reads)
        add("classes", "output", self.unread)
        return Sketch(tuple(rows), tuple(edges))


@dataclass(frozen=True)
class _Shape:
    """What a layer reads, inputs joined, and the size of what it makes."""

    input: Size
    channels: int
    output: Size


def _largest(sizes: Sequence[Size]) -> Size:
    return max(rows for rows, _ in sizes), max(columns for _, columns in sizes)


def _joined(graph: Graph, name: str, maps: Sequence[tuple[Tensor, Size]]) -> Tensor:
    """Maps joined along channels, the smaller ones with zeros around them."""
    largest = _largest([size for _, size in maps])
    equal = [
        x if size == largest else graph.add(f"{name}_pad_{x.name}", PadTo(largest), x)
        for x, size in maps
    ]
    return equal[0] if len(equal) == 1 else graph.add(f"{name}_concat", Concat(), *equal)


def _check_fits(where: str, layer: Layer, size: Size) -> None:
    """Raises a UserError where a stride, or a window without padding, goes beyond its map."""
    windows = {"stride_height, stride_width": layer.stride}
    if layer.padding == "valid":
        windows["height, width"] = layer.height, layer.width
    for what, lengths in windows.items():
        if any(n > 1 and n > length for n, length in zip(lengths, size, strict=True)):
            raise UserError(
                f"{where}.{what}: {lengths} goes beyond its map of {size[0]}x{size[1]} pixels; use "
                "smaller ones, or larger images (image_size; input_size of a training)"
            )


def _values(layer: Layer) -> dict[str, Any]:
    """A layer as JSON values; what is usual, and the filters of a pool, are left out."""
    usual = {field.name: field.default for field in dataclasses.fields(layer)} | {"filters": 0}
    values = {**vars(layer), "inputs": list(layer.inputs)}
    return {name: value for name, value in values.items() if value != usual[name]}


def _rest(layer: Layer) -> tuple[str, ...]:
    """Operation and padding; nothing for the usual ones, so that older keys stay."""
    rest = layer.operation, layer.padding
    return () if rest == (CONVOLUTION, "same") else rest


def _exact(value: Any) -> Any:
    # JSON's 3.0 is a whole number, too.
    if isinstance(value, str):
        return value
    return tuple(map(int, value)) if isinstance(value, list) else int(value)


def _names(numbers: Sequence[int]) -> str:
    names = ["the image" if n == 0 else f"layer {n}" for n in numbers]
    return names[0] if len(names) == 1 else f"concat({', '.join(names)})"
