"""Encoded images inside TensorFlow's graphs: read as `cells.data.image_files` reads files.

The same pixels, and upright, so that a network is trained on what it will be shown. TensorFlow's
own readers ignore how EXIF says that a photograph lies; here that is parsed by plain operations,
which work under every strategy and in exported graphs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from cells.data import features, image_files, turned

_ORIENTATION = 0x0112
_SHORT, _LONG = 3, 4


def decode(data: tf.Tensor, channels: int = 3, *, portable: bool = False) -> tf.Tensor:
    """The upright pixels of an image file.

    JPEG and PNG are decoded by TensorFlow, anything else by Pillow in this process: TensorFlow's
    reader of animated WebP spoils its memory, and that of BMP takes places in a palette for greys.

    Args:
        data: the file's bytes, a scalar string.
        channels: 3, or 1 for grey.
        portable: whether the graph is saved for other programs, which have no Pillow: then GIF and
            BMP of true colour are decoded by TensorFlow, and anything else is an error.

    Returns:
        uint8 `(height, width, channels)`; of 3 channels as `cells.data.image_files.read` gives.
    """
    is_jpeg = _begins(data, image_files.JPEG)
    is_png = _begins(data, image_files.PNG)

    def by_tensorflow() -> tf.Tensor:
        pixels = tf.cond(
            is_jpeg,
            # The default is a few per cent quicker, and differs from all other programs' pixels.
            lambda: tf.io.decode_jpeg(data, channels, dct_method="INTEGER_ACCURATE"),
            lambda: tf.io.decode_png(data, channels),
        )
        turn = _orientation(data)
        with tf.control_dependencies([] if portable else turned.noted(data, turn)):
            return upright(pixels, turn)

    def by_others() -> tf.Tensor:
        if portable:
            pixels = _gif_or_bmp(data)
        else:
            pixels = tf.numpy_function(image_files.decode, [data], tf.uint8, stateful=False)
            pixels.set_shape([None, None, 3])
        return pixels if channels == 3 else tf.image.rgb_to_grayscale(pixels)

    pixels = tf.cond(is_jpeg | is_png, by_tensorflow, by_others)
    return tf.ensure_shape(pixels, [None, None, channels])


def decoder(shape: features.ImageShape) -> Callable[[tf.Tensor], tf.Tensor]:
    """`decode` for the images of a TFDS feature, with as much of their shape as is known.

    Args:
        shape: what the set says of its images as they are stored.
    """
    channels = 1 if shape[2] == 1 else 3
    static = (*upright_size(shape), channels)

    def decoded(data: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(decode(data, channels), static)

    return decoded


def upright_size(shape: features.ImageShape) -> tuple[int | None, int | None]:
    """Height and width of images once they are upright; a quarter turn would swap them."""
    return shape[:2] if shape[0] == shape[1] else (None, None)


def orientation(data: tf.Tensor) -> tf.Tensor:
    """How EXIF says that an image file lies: int32, 1 to 8; 1 is as it is stored.

    Not for graphs that are saved, since Pillow looks at what is no JPEG or PNG file.

    Args:
        data: the file's bytes, a scalar string.
    """

    def by_pillow() -> tf.Tensor:
        turn = tf.numpy_function(image_files.orientation_of, [data], tf.int32, stateful=False)
        return tf.ensure_shape(turn, [])

    known = _begins(data, image_files.JPEG) | _begins(data, image_files.PNG)
    return tf.cond(known, lambda: _orientation(data), by_pillow)


# Two hundred operations, which are traced once and called wherever a data set is made.
@tf.function(autograph=False, input_signature=[tf.TensorSpec([], tf.string)])
def _orientation(data: tf.Tensor) -> tf.Tensor:
    """`orientation` of a JPEG or PNG file, by operations of TensorFlow alone.

    As EXIF and PNG want it, only what stands before tables and pixels counts.
    """
    head = _bytes(data, 0, 41)
    # What most files without EXIF look like, which a loop would make several times slower.
    plain_jpeg = tf.reduce_all(head[2:4] == [0xFF, 0xE0]) & tf.reduce_all(head[20:22] == [255, 219])
    plain_png = tf.reduce_all(head[37:41] == list(b"IDAT"))
    at = tf.cond(
        _begins(data, image_files.PNG),
        lambda: tf.cond(plain_png, lambda: 0, lambda: _found(data, 8, _png_chunk)),
        lambda: tf.cond(plain_jpeg, lambda: 0, lambda: _found(data, 2, _jpeg_segment)),
    )
    return tf.cond(at > 0, lambda: _of_exif(data, at), lambda: 1)


def upright(pixels: tf.Tensor, turn: tf.Tensor) -> tf.Tensor:
    """Turns and mirrors pixels as an orientation says.

    Args:
        pixels: `(..., height, width, channels)`.
        turn: int32, 1 to 8.
    """
    pixels = tf.cond(turn >= 5, lambda: _transposed(pixels), lambda: pixels)
    pixels = tf.cond(_is_one_of(turn, 3, 4, 7, 8), lambda: pixels[..., ::-1, :, :], lambda: pixels)
    return tf.cond(_is_one_of(turn, 2, 3, 6, 7), lambda: pixels[..., ::-1, :], lambda: pixels)


def upright_boxes(boxes: tf.Tensor, turn: tf.Tensor) -> tf.Tensor:
    """Boxes on the picture that `upright` gives.

    Args:
        boxes: `(n, 4)`: ymin, xmin, ymax, xmax in 0 to 1, on the picture as it is stored.
        turn: int32, 1 to 8.
    """
    boxes = tf.where(turn >= 5, tf.gather(boxes, [1, 0, 3, 2], axis=1), boxes)
    ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=1)
    down, across = _is_one_of(turn, 3, 4, 7, 8), _is_one_of(turn, 2, 3, 6, 7)
    ymin, ymax = tf.where(down, 1.0 - ymax, ymin), tf.where(down, 1.0 - ymin, ymax)
    xmin, xmax = tf.where(across, 1.0 - xmax, xmin), tf.where(across, 1.0 - xmin, xmax)
    return tf.stack([ymin, xmin, ymax, xmax], axis=1)


def _transposed(pixels: tf.Tensor) -> tf.Tensor:
    axes = list(range(pixels.shape.rank))
    axes[-3], axes[-2] = axes[-2], axes[-3]
    return tf.transpose(pixels, axes)


def _is_one_of(turn: tf.Tensor, *turns: int) -> tf.Tensor:
    return tf.reduce_any(turn == list(turns))


def _gif_or_bmp(data: tf.Tensor) -> tf.Tensor:
    depth = _number(_bytes(data, 28, 2), False)
    true_colour = _begins(data, b"BM") & (depth >= 24)
    known = tf.debugging.Assert(
        true_colour | _begins(data, b"GIF8"),
        ["is not a JPEG or PNG file, nor GIF or BMP of true colour; convert it to one of these"],
    )
    with tf.control_dependencies([known]):
        pixels = tf.io.decode_image(data, channels=3, expand_animations=False)
    pixels.set_shape([None, None, 3])
    return pixels


Segment = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def _found(data: tf.Tensor, begin: int, segment: Segment) -> tf.Tensor:
    """Where the TIFF header that EXIF data begin with is; 0 where there are none."""
    none = tf.constant(0)
    _, found = tf.while_loop(
        lambda at, found: (at > 0) & (found == 0),
        lambda at, _: segment(data, at),
        [tf.constant(begin), none],
    )
    return found


def _jpeg_segment(data: tf.Tensor, at: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where the next segment begins, 0 for none; and where EXIF data do, 0 for not here."""
    head = _bytes(data, at, 10)
    marker = head[1]
    is_exif = (marker == 0xE1) & tf.reduce_all(head[4:] == list(b"Exif\0\0"))
    # Applications' segments and comments; other ones stand behind them.
    goes_on = (head[0] == 0xFF) & ((marker >= 0xE0) & (marker <= 0xEF) | (marker == 0xFE))
    end = at + 2 + _number(head[2:4], True)
    return tf.where(goes_on, end, 0), tf.where(goes_on & is_exif, at + 10, 0)


def _png_chunk(data: tf.Tensor, at: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """As `_jpeg_segment`."""
    head = _bytes(data, at, 8)
    kind, length = _number(head[4:], True), _number(head[:4], True)
    goes_on = (kind != int.from_bytes(b"IDAT")) & (kind != 0) & (length >= 0) & (length < 2**30)
    is_exif = kind == int.from_bytes(b"eXIf")
    return tf.where(goes_on, at + 12 + length, 0), tf.where(goes_on & is_exif, at + 8, 0)


def _of_exif(data: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
    """The orientation in EXIF data; 1 where they do not say, or say nonsense."""
    head = _bytes(data, at, 8)
    big = tf.reduce_all(head[:4] == list(b"MM\0\x2a"))
    known = big | tf.reduce_all(head[:4] == list(b"II\x2a\0"))
    directory = at + tf.clip_by_value(_number(head[4:], big), 0, 2**30)
    count = tf.where(known, _number(_bytes(data, directory, 2), big), 0)
    # One entry of zeros where there is none, since no bytes cannot be asked for.
    table = tf.reshape(_bytes(data, directory + 2, tf.maximum(count, 1) * 12), [-1, 12])
    tag, kind = _number(table[:, :2], big), _number(table[:, 2:4], big)
    number = _number(table[:, 4:8], big)
    value = tf.where(kind == _SHORT, _number(table[:, 8:10], big), _number(table[:, 8:], big))
    valid = ((kind == _SHORT) | (kind == _LONG)) & (number == 1) & (value >= 1) & (value <= 8)
    return tf.reduce_max(tf.where((tag == _ORIENTATION) & valid, value, 1))


def _begins(data: tf.Tensor, magic: bytes) -> tf.Tensor:
    return tf.strings.substr(data, 0, len(magic)) == magic


def _bytes(data: tf.Tensor, at: Any, count: Any) -> tf.Tensor:
    """Some bytes, int32 `(count,)`; zeros behind the end."""
    at = tf.minimum(at, tf.strings.length(data))
    some = tf.strings.substr(data, at, count)
    return tf.cast(tf.io.decode_raw(some, tf.uint8, fixed_length=count), tf.int32)


def _number(digits: tf.Tensor, big: Any) -> tf.Tensor:
    """Whole numbers of the bytes of the last axis, int32; large ones are wrapped."""
    digits = tf.where(big, digits, digits[..., ::-1])
    powers = [1 << 8 * i for i in reversed(range(digits.shape[-1]))]
    return tf.reduce_sum(digits * tf.constant(powers, tf.int32), axis=-1)
