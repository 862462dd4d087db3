"""Images as networks see them, for every stage: the one place that says how pixels are scaled.

Training, evaluation and exported files all use `scale`: a pixel of 0 to 255 becomes
`pixel / 127.5 - 1`, in [-1, 1] (as TF-slim and keras.applications scale the images of NASNet).
The search's children see the same pixels less the training images' mean, in units of their
deviation; but for the border, the first batch norm takes that out again, and both train alike
(`benchmarks/two_stages.py`). The other functions bring images of any size, grey or colour, to one
shape, and are the augmentation of small images.

All functions take and give single images `(height, width, channels)` inside a `tf.data` pipeline;
`scale` takes any shape.
"""

from __future__ import annotations

from typing import Any

#: Written beside exported networks.
SCALING = "pixel / 127.5 - 1, for pixels of 0 to 255"


def scale(pixels: Any) -> Any:
    """Pixels of 0 to 255, of any dtype and shape, as float32 in [-1, 1]."""
    import tensorflow as tf

    return tf.cast(pixels, tf.float32) / 127.5 - 1.0


def with_channels(image: Any, channels: int) -> Any:
    """Grey from colour (ITU-R 601 luma), or colour from grey; alpha is left out.

    Args:
        image: `(height, width, c)` with a static c of 1 to 4 (2 and 4 end in alpha); integer or
            floating.
        channels: 1 or 3.

    Returns:
        `(height, width, channels)`, of the same dtype.
    """
    import tensorflow as tf

    if image.shape[-1] in (2, 4):
        image = image[..., :-1]
    if image.shape[-1] == channels:
        return image
    if channels == 1:
        return tf.image.rgb_to_grayscale(image)
    return tf.image.grayscale_to_rgb(image)


def resize(image: Any, size: tuple[int, int]) -> Any:
    """Bilinear, with anti-aliasing where it shrinks; the aspect ratio is not kept.

    Args:
        image: `(height, width, c)`.
        size: (height, width).

    Returns:
        `(*size, c)`, float32 unless the image has that size already.
    """
    import tensorflow as tf

    if tuple(image.shape[:2]) == tuple(size):
        return image
    return tf.image.resize(image, size, antialias=True)


def split_seed(seed: Any, count: int) -> Any:
    """Seeds for `count` draws, int32 `(count, 2)`, from one of `(2,)`; random ones from None."""
    import tensorflow as tf

    if seed is None:
        return tf.random.uniform([count, 2], maxval=tf.int32.max, dtype=tf.int32)
    return tf.random.split(seed, count)


def random_shift(image: Any, pixels: int, seed: Any) -> Any:
    """Pads by `pixels` zeros on each side, then cuts the old size out at a random place.

    Args:
        image: `(height, width, c)`, static, unscaled, so that the border is black.
        pixels: how far the image moves at most.
        seed: int32 `(2,)`.
    """
    import tensorflow as tf

    height, width, channels = image.shape
    padded = tf.pad(image, [[pixels, pixels], [pixels, pixels], [0, 0]])
    return tf.image.stateless_random_crop(padded, (height, width, channels), seed)


def random_crop(image: Any, seed: Any, *, area_range: tuple[float, float]) -> Any:
    """Cuts out a random part, of 3:4 to 4:3 (Szegedy et al. 2015); the whole if none is found.

    Args:
        image: `(height, width, c)`.
        seed: int32 `(2,)`.
        area_range: the least and the largest part of the image's area.
    """
    import tensorflow as tf

    begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.shape(image),
        tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
        seed,
        min_object_covered=area_range[0],
        aspect_ratio_range=(3 / 4, 4 / 3),
        area_range=area_range,
        max_attempts=10,
    )
    return tf.slice(image, begin, size)


def cutout(image: Any, side: int, seed: Any) -> Any:
    """Lays a square of zeros over an image (DeVries and Taylor 2017), beyond its edge in part.

    Args:
        image: `(height, width, c)`, static.
        side: of the square, in pixels; an odd one is taken for one less.
        seed: int32 `(2,)`.
    """
    import tensorflow as tf

    outside = []
    for axis, own in zip((0, 1), tf.unstack(split_seed(seed, 2)), strict=True):
        length = image.shape[axis]
        centre = tf.random.stateless_uniform([], own, maxval=length, dtype=tf.int32)
        place = tf.range(length) - centre
        outside.append((place < -(side // 2)) | (place >= side // 2))
    kept = outside[0][:, None, None] | outside[1][None, :, None]
    return tf.where(kept, image, tf.zeros([], image.dtype))
