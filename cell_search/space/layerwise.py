"""The space of networks that are designed layer by layer (Zoph & Le 2017, sections 3.3 and 4.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cell_search.space.network_space import WholeNetworkSpace
from cell_search.space.space import Decision, Point
from cells.kinds.files import ImageGenotype
from cells.layerwise.network import CONVOLUTION, MAX_LAYERS, Layer, LayerwiseNetwork
from cells.support import settings
from cells.support.errors import UserError
from cells.support.settings import setting

#: The decisions of a layer that are no skips: name, and the setting with its choices.
_SHAPE = {
    "height": "sizes",
    "width": "sizes",
    "stride_height": "strides",
    "stride_width": "strides",
    "filters": "filters",
}

#: How many layers there are.
DEPTH = "layers"

#: The kind of the decisions `layer_N/skip_J`: whether layer N reads layer J.
SKIP = "skip"


@dataclass(frozen=True)
class LayerwiseSpace(WholeNetworkSpace[LayerwiseNetwork]):
    """For each layer: height and width of its filters, strides, number of filters; then, for each
    layer before it, whether it reads that.

    The paper leaves open whether the image can be chosen as an input; in its published network it
    is one only where no other is chosen, and so it is here. What has one choice is no decision.

    Where networks grow, the decision `layers` says how many there are; the decisions of the others
    are made and count for nothing.

    Attributes:
        decisions: of the layers, then `settings`.
        layers: of a network; where networks grow, at most.
        sizes: heights and widths of filters.
        filters: numbers of filters.
        strides: by rows and by columns; none: 1 everywhere.
        first_layers: of a network at first, where networks grow; 0: they do not.
        more_layers: how many more there are each time.
        every: proposals after which there are more (1,600 in the paper); 0: the strategy decides.
        as_written: whether networks that compute the same are different candidates if they are
            written in another way.
    """

    prefix: ClassVar[str] = "layerwise"
    source: ClassVar[str] = "Zoph & Le 2017, sections 3.3 and 4.1"

    layers: int = setting(15, least=1, most=MAX_LAYERS)
    sizes: tuple[int, ...] = setting((1, 3, 5, 7), least=1, most=31)
    filters: tuple[int, ...] = setting((24, 36, 48, 64), least=1, most=4096)
    strides: tuple[int, ...] = setting((), least=1, most=16)
    first_layers: int = setting(0, least=0, most=MAX_LAYERS)
    more_layers: int = setting(2, least=1, most=MAX_LAYERS)
    every: int = setting(1600, least=0)

    def __post_init__(self) -> None:
        for name in ("sizes", "filters", "strides"):
            choices = tuple(getattr(self, name))
            object.__setattr__(self, name, choices)
            if len(set(choices)) < len(choices) or not (choices or name == "strides"):
                raise UserError(
                    f"space.layerwise.{name}: {list(choices)} are no choices; give at least one, "
                    "and each once"
                )
        settings.check(self, "space.layerwise.")
        if self.first_layers > self.layers:
            raise UserError(
                f"space.layerwise.first_layers: {self.first_layers} are more than the "
                f"{self.layers} layers at last; use fewer"
            )
        super().__post_init__()

    def _all_decisions(self) -> list[Decision]:
        decisions = [Decision(DEPTH, self.depths, DEPTH)]
        for n in range(1, self.layers + 1):
            for name, choices in _SHAPE.items():
                decisions.append(Decision(f"layer_{n}/{name}", getattr(self, choices), name))
            decisions += [Decision(f"layer_{n}/skip_{j}", (False, True), SKIP) for j in range(1, n)]
        return decisions

    @property
    def depths(self) -> tuple[int, ...]:
        """How many layers a network may have."""
        if not self.first_layers:
            return (self.layers,)
        grown = range(self.first_layers, self.layers, self.more_layers)
        return (*grown, self.layers)

    def at(self, point: Point, number: int) -> Point:
        """See `Space.at`: as many layers as networks have by then."""
        if len(self.depths) == 1 or not self.every:
            return point
        return {**point, DEPTH: self.depths[min(number // self.every, len(self.depths) - 1)]}

    def made(
        self, point: Mapping[str, Any], name: str, provenance: dict[str, Any]
    ) -> LayerwiseNetwork:
        layers = []
        for n in range(1, point.get(DEPTH, self.layers) + 1):
            shape = {
                part: point.get(f"layer_{n}/{part}", (getattr(self, choices) or (1,))[0])
                for part, choices in _SHAPE.items()
            }
            inputs = tuple(j for j in range(1, n) if point[f"layer_{n}/skip_{j}"])
            layers.append(Layer(**shape, inputs=inputs or (0,)))
        return LayerwiseNetwork(name, tuple(layers), provenance)

    def encode(self, genotype: ImageGenotype, settings: Mapping[str, Any] | None = None) -> Point:
        if not isinstance(genotype, LayerwiseNetwork):
            raise UserError(
                f"{genotype.name}: is no layer-wise network, and this space has no other"
            )
        count = len(genotype.layers)
        if count not in self.depths:
            raise UserError(
                f"{genotype.name}: has {count} layers, and networks of this space have "
                f"{' or '.join(map(str, self.depths))}"
            )
        point: Point = {d.name: d.choices[0] for d in self.decisions} | dict(settings or {})
        point[DEPTH] = count
        for n, layer in enumerate(genotype.layers, 1):
            if 0 in layer.inputs and len(layer.inputs) > 1:
                raise UserError(
                    f"{genotype.name}, layer {n}: reads the image and layers, and in this space "
                    "the image is an input only where there is no other"
                )
            if (layer.operation, layer.padding) != (CONVOLUTION, "same"):
                raise UserError(
                    f"{genotype.name}, layer {n}: is a {layer.operation} with {layer.padding!r} "
                    "padding, and this space has convolutions with 'same' padding"
                )
            for part, choices in _SHAPE.items():
                allowed, value = getattr(self, choices) or (1,), getattr(layer, part)
                if value not in allowed:
                    raise UserError(
                        f"{genotype.name}, layer {n}: {part} is {value}, and this space has "
                        f"{', '.join(map(str, allowed))}"
                    )
                point[f"layer_{n}/{part}"] = value
            point |= {f"layer_{n}/skip_{j}": j in layer.inputs for j in range(1, n)}
        return {d.name: point[d.name] for d in self.decisions}

    @property
    def extent(self) -> str:
        if len(self.depths) == 1:
            return f"{self.layers} layers"
        return f"{self.depths[0]} to {self.layers} layers"
