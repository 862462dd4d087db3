"""What the time of a piece depends on: its kind, and how much it computes."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from cell_search.children.pieces import Piece, Place
from cells.operations.primitives import Add, Primitive

#: Fields of primitives that say how much is computed and not how.
_AMOUNTS = ("filters", "units", "bias", "channels", "count", "border", "keep", "rate", "crop")


#: Numbers of a vector register, at most. Kernels that take a pixel by vectors are slow where the
#: last one is not full: oneDNN's pools take four times as long at 24 channels as at 16 or 32.
_LANES = 16


class Amount(NamedTuple):
    """How much a piece computes; the time of a kind is a sum of times for each of these.

    Attributes:
        pixels: of its output.
        ragged: the same where channels do not fill vectors, else 0.
        read: numbers in its inputs.
        made: numbers in its output.
        products: multiply-adds.
        weights: trained numbers.
    """

    pixels: float
    ragged: float
    read: float
    made: float
    products: float
    weights: float


def kind_of(piece: Piece) -> str:
    """The kind of a piece: all that is not an amount.

    Args:
        piece: what is computed.

    Returns:
        Such as `Relu+Conv 1x1 /1+BatchNorm`.
    """
    size, names = piece.size, []
    for primitive in piece.primitives:
        names.append(_name(primitive, size))
        size = primitive.out_size(size)
    return "+".join(names)


def _name(primitive: Primitive, size: tuple[int, int]) -> str:
    fields = {k: v for k, v in vars(primitive).items() if k not in _AMOUNTS}
    words = [type(primitive).__name__]
    if "kernel" in fields:
        kernel, stride = fields.pop("kernel"), fields.pop("stride")
        padding = fields.pop("padding")
        # The last convolution of an auxiliary head is as large as its map.
        whole = padding == "valid" and kernel == size
        words += ["whole" if whole else "x".join(map(str, kernel)), f"/{_stride(stride)}"]
        words += ["mean"] if fields.pop("mean", False) else []
        dilation = fields.pop("dilation", 1)
        words += [f"dilated {dilation}"] if dilation > 1 else []
    words += [f"{name} {fields[name]}" for name in ("up", "down") if fields.get(name, 1) > 1]
    return " ".join(words)


def _stride(stride: tuple[int, int]) -> str:
    return str(stride[0]) if stride[0] == stride[1] else f"{stride[0]}x{stride[1]}"


def amount_of(piece: Piece, batch: int) -> Amount:
    """How much a piece computes.

    Args:
        piece: what is computed.
        batch: for this many images.
    """
    read = made = float(math.prod(piece.size) * sum(piece.channels))
    products = weights = 0
    size, channels = piece.size, piece.channels
    for primitive in piece.primitives:
        products += primitive.multiply_adds(channels[0], size)
        weights += primitive.trainable(channels[0])
        size = primitive.out_size(size)
        channels = (primitive.out_channels(channels),)
        made = float(math.prod(size) * channels[0])
    pixels = float(batch * math.prod(size))
    ragged = pixels if any(c % _LANES for c in (*piece.channels, channels[0])) else 0.0
    return Amount(pixels, ragged, batch * read, batch * made, batch * products, weights)


def split(piece: Piece, count: int) -> tuple[Piece, Piece]:
    """A piece as two, one after the other.

    Args:
        piece: what is computed.
        count: primitives of the first.
    """
    size, channels = piece.size, piece.channels
    for primitive in piece.primitives[:count]:
        size, channels = primitive.out_size(size), (primitive.out_channels(channels),)
    first = dataclasses.replace(piece, primitives=piece.primitives[:count])
    rest = Piece(piece.primitives[count:], channels, size)
    return first, rest


def sums_of(places: Iterable[Place]) -> list[Piece]:
    """The sums of gradients that a network needs besides its pieces.

    A state with several readers has a gradient from each of them.

    Args:
        places: of the network.
    """
    places = list(places)
    readers = Counter(name for place in places for name in place.reads)
    shapes = {
        name: (channels, place.piece.size)
        for place in places
        for name, channels in zip(place.reads, place.piece.channels, strict=True)
    }
    return [
        Piece((Add(),), (shapes[name][0],) * count, shapes[name][1])
        for name, count in readers.items()
        if count > 1
    ]
