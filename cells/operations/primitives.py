"""The few layers that every network here is made of, as plain data.

A primitive knows its shapes, its weights and its multiply-adds, and nothing of TensorFlow: the
network builder turns it into a layer of `keras` or `tf_keras`, and whoever trains thousands of
children may turn the same objects into plain functions. Sizes are (height, width) in pixels;
layouts are NHWC; kernels are (height, width).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Size = tuple[int, int]

#: What a 3x3 pool at stride 2 sees beyond the border of the map:
#: `tensorflow`: nothing ("same" of TensorFlow and tf-slim, the rule of the published weights);
#: `timm`: zeros that count in a mean; `keras`: zeros that count in a mean and can win a maximum;
#: `pytorch`: nothing, but the windows of pools and convolutions lie around the pixels 0, 2, 4, ...,
#: as padding on both sides alike has them; elsewhere around 1, 3, 5, ... where a map is even.
BorderRule = Literal["tensorflow", "timm", "keras", "pytorch"]
BORDER_RULES: tuple[BorderRule, ...] = ("tensorflow", "timm", "keras", "pytorch")


def halved(size: int, stride: int) -> int:
    """The length of a "same" padded window sequence.

    Args:
        size: length of the sequence.
        stride: of the window.
    """
    return -(-size // stride)


@dataclass(frozen=True)
class Primitive:
    """Base: as many channels and pixels out as in, no weights, no multiply-adds."""

    #: By how much it thins out rows and columns, so that networks can be laid out without sizes.
    stride = (1, 1)

    def out_channels(self, channels: tuple[int, ...]) -> int:
        """Channels of the output, from those of the inputs.

        Args:
            channels: of each input.
        """
        return channels[0]

    def out_size(self, size: Size) -> Size:
        """Height and width of the output, from those of the (first) input.

        Args:
            size: height and width of the first input, in pixels.
        """
        return size

    def out_stride(self, stride: Size) -> Size:
        """Stride of the output, from that of the first input; see `cells.operations.graph.Tensor`.

        Args:
            stride: of the first input, by rows and by columns.
        """
        return stride[0] * self.stride[0], stride[1] * self.stride[1]

    def weight_shapes(self, channels: int) -> tuple[tuple[int, ...], ...]:
        """Shapes of the weights for an input of `channels`, in Keras's order and layout."""
        return ()

    def trainable(self, channels: int) -> int:
        """Number of trainable scalars for an input of `channels`."""
        return sum(math.prod(shape) for shape in self.weight_shapes(channels))

    def statistics(self, channels: int) -> int:
        """Number of scalars that training moves otherwise (batch-norm statistics)."""
        return 0

    def multiply_adds(self, channels: int, size: Size) -> int:
        """Products of one image of `size` in convolutions and fully connected layers.

        Args:
            channels: channels of the input.
            size: height and width of the input, in pixels.
        """
        return 0


@dataclass(frozen=True)
class Input(Primitive):
    """The image, `channels` deep."""

    channels: int = 3

    def out_channels(self, channels: tuple[int, ...]) -> int:
        return self.channels


@dataclass(frozen=True)
class Relu(Primitive):
    """max(x, 0)."""


@dataclass(frozen=True)
class BatchNorm(Primitive):
    """Batch normalisation with learned scale and shift."""

    def weight_shapes(self, channels: int) -> tuple[tuple[int, ...], ...]:
        return ((channels,),) * 4

    def trainable(self, channels: int) -> int:
        return 2 * channels

    def statistics(self, channels: int) -> int:
        return 2 * channels


@dataclass(frozen=True)
class _Windowed(Primitive):
    """A window moved over the map."""

    kernel: Size
    stride: Size = (1, 1)
    padding: Literal["same", "valid"] = "same"

    def out_size(self, size: Size) -> Size:
        if self.padding == "same":
            return halved(size[0], self.stride[0]), halved(size[1], self.stride[1])
        return (
            (size[0] - self.kernel[0]) // self.stride[0] + 1,
            (size[1] - self.kernel[1]) // self.stride[1] + 1,
        )

    def _products(self, size: Size, per_pixel: int) -> int:
        height, width = self.out_size(size)
        return height * width * per_pixel


@dataclass(frozen=True)
class Conv(_Windowed):
    """Convolution without bias."""

    filters: int = 0

    def out_channels(self, channels: tuple[int, ...]) -> int:
        return self.filters

    def weight_shapes(self, channels: int) -> tuple[tuple[int, ...], ...]:
        return ((*self.kernel, channels, self.filters),)

    def multiply_adds(self, channels: int, size: Size) -> int:
        return self._products(size, self.trainable(channels))


@dataclass(frozen=True)
class SeparableConv(_Windowed):
    """Depthwise convolution (which has the stride), then a 1x1 convolution; no bias."""

    filters: int = 0
    dilation: int = 1

    def out_channels(self, channels: tuple[int, ...]) -> int:
        return self.filters

    def weight_shapes(self, channels: int) -> tuple[tuple[int, ...], ...]:
        return (*self.kernel, channels, 1), (1, 1, channels, self.filters)

    def multiply_adds(self, channels: int, size: Size) -> int:
        return self._products(size, self.trainable(channels))


@dataclass(frozen=True)
class Pool(_Windowed):
    """Average or maximum of a window; the border rule matters at stride 2 only."""

    mean: bool = False
    border: BorderRule = "tensorflow"

    @property
    def counts_zeros(self) -> bool:
        """Whether it sees zeros beyond the border, and not nothing."""
        by_rule = self.border == "keras" or (self.border == "timm" and self.mean)
        return by_rule and self.padding == "same" and max(self.stride) > 1

    def zeros(self, size: Size) -> tuple[tuple[int, int], tuple[int, int]]:
        """How many zeros "same" padding puts before and after rows and columns.

        Args:
            size: height and width of the input, in pixels.
        """

        def one(length: int, kernel: int, stride: int) -> tuple[int, int]:
            total = max((halved(length, stride) - 1) * stride + kernel - length, 0)
            return total // 2, total - total // 2

        return (
            one(size[0], self.kernel[0], self.stride[0]),
            one(size[1], self.kernel[1], self.stride[1]),
        )


@dataclass(frozen=True)
class Pad(Primitive):
    """Zeros around a map: so many rows above and below, so many columns on either side."""

    zeros: Size = (0, 0)

    def out_size(self, size: Size) -> Size:
        return size[0] + 2 * self.zeros[0], size[1] + 2 * self.zeros[1]


@dataclass(frozen=True)
class PadTo(Primitive):
    """Zeros around a map up to `size`: as many before as behind, the odd one behind."""

    size: Size = (1, 1)

    def out_size(self, size: Size) -> Size:
        return self.size

    def zeros(self, size: Size) -> tuple[tuple[int, int], tuple[int, int]]:
        """How many rows go above and below, and columns to the left and the right.

        Args:
            size: height and width of the input, in pixels.
        """
        missing = self.size[0] - size[0], self.size[1] - size[1]
        rows, columns = ((n // 2, n - n // 2) for n in missing)
        return rows, columns


@dataclass(frozen=True)
class Resize(Primitive):
    """Nearest neighbours on the image's grid: pixel i of the output is pixel `i * down // up`.

    Attributes:
        up: how often every row and column is repeated, first of all.
        down: of how many rows and columns the first is kept, last of all.
        crop: rows at the bottom and columns on the right that are left out in between: what half
            of an odd size has too many when it is doubled.
    """

    up: int = 1
    down: int = 1
    crop: Size = (0, 0)

    def out_size(self, size: Size) -> Size:
        rows, columns = (n * self.up - c for n, c in zip(size, self.crop, strict=True))
        return halved(rows, self.down), halved(columns, self.down)

    def out_stride(self, stride: Size) -> Size:
        return stride[0] * self.down // self.up, stride[1] * self.down // self.up


@dataclass(frozen=True)
class FitChannels(Primitive):
    """The first `filters` channels; zeros stand for those that are not there (He et al. 2015,
    arXiv:1512.03385, option A of its shortcuts)."""

    filters: int = 0

    def out_channels(self, channels: tuple[int, ...]) -> int:
        return self.filters


@dataclass(frozen=True)
class Shift(Primitive):
    """Moves the map one pixel up and to the left; zeros enter at the bottom and the right."""


@dataclass(frozen=True)
class Add(Primitive):
    """Sum of maps of equal shape."""


@dataclass(frozen=True)
class WeightedSum(Primitive):
    """Sum of `count` maps of equal shape, each times a number of its own: an edge of a relaxed
    cell (Liu et al. 2019, section 2.2). No network that is built has it, so it has no layer."""

    count: int = 1

    def weight_shapes(self, channels: int) -> tuple[tuple[int, ...], ...]:
        return ((self.count,),)


@dataclass(frozen=True)
class Concat(Primitive):
    """Join along channels."""

    def out_channels(self, channels: tuple[int, ...]) -> int:
        return sum(channels)


@dataclass(frozen=True)
class DropPath(Primitive):
    """Drops a whole path of an example in training (ScheduledDropPath).

    `keep` is the probability of keeping it at the end of training; the schedule starts from 1.
    """

    keep: float = 1.0


@dataclass(frozen=True)
class Dropout(Primitive):
    """Drops single features in training, at `rate`."""

    rate: float = 0.0


@dataclass(frozen=True)
class GlobalPool(Primitive):
    """Mean over all pixels; the output has no height and width."""

    def out_size(self, size: Size) -> Size:
        return 1, 1


@dataclass(frozen=True)
class Flatten(Primitive):
    """All pixels of a 1x1 map as one vector."""


@dataclass(frozen=True)
class Dense(Primitive):
    """Fully connected layer."""

    units: int = 0
    bias: bool = True

    def out_channels(self, channels: tuple[int, ...]) -> int:
        return self.units

    def weight_shapes(self, channels: int) -> tuple[tuple[int, ...], ...]:
        return ((channels, self.units),) + (((self.units,),) if self.bias else ())

    def multiply_adds(self, channels: int, size: Size) -> int:
        return channels * self.units
