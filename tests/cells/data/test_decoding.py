"""Encoded images in TensorFlow's graphs are read as Pillow reads files."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter, ImageOps

from cells.data import decoding, image_files, turned

# Of the standard's figure: where the stored first row and first column are in the picture.
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (37, 52, 3), np.uint8)
    return Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2))


@pytest.fixture(scope="module")
def graph():
    """`decode` and `orientation` as data sets run them, traced once."""
    return tf.function(
        lambda data: (decoding.decode(data), decoding.orientation(data)),
        input_signature=[tf.TensorSpec([], tf.string)],
    )


@pytest.fixture(scope="module")
def orientation():
    return tf.function(decoding.orientation, input_signature=[tf.TensorSpec([], tf.string)])


def exif(turn: int, order: str = "<", kind: int = 3, before: int = 0) -> bytes:
    """EXIF data with an orientation (kind 3 is short, 4 long) behind `before` other entries."""
    entries = b"".join(struct.pack(f"{order}HHIHH", 0x100 + i, 3, 1, 9, 0) for i in range(before))
    value = struct.pack(f"{order}HH", turn, 0) if kind == 3 else struct.pack(f"{order}I", turn)
    entries += struct.pack(f"{order}HHI", 0x112, kind, 1) + value
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    return b"Exif\0\0" + head + struct.pack(f"{order}H", before + 1) + entries + b"\0\0\0\0"


def saved(image: Image.Image, kind: str, **more) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("order", "<>")
def test_every_orientation_of_jpeg_png_and_webp_is_turned_as_the_standard_shows(
    graph, photo, turn, order
):
    for kind, more in (("JPEG", {}), ("PNG", {}), ("WEBP", {"lossless": True})):
        stored = image_files.decode(saved(photo, kind, **more))
        data = saved(photo, kind, exif=exif(turn, order, before=turn), **more)
        pixels, found = graph(data)
        np.testing.assert_array_equal(pixels, UPRIGHT[turn](stored))
        np.testing.assert_array_equal(image_files.decode(data), pixels)
        assert found == turn
        with Image.open(io.BytesIO(data)) as file:
            assert image_files.orientation(file) == turn
            assert image_files.upright_size(file) == pixels.shape[:2]


@pytest.mark.parametrize(
    ("mode", "kind", "more"),
    [
        ("RGB", "JPEG", {"quality": 60}),
        ("RGB", "JPEG", {"subsampling": 0}),
        ("RGB", "JPEG", {"progressive": True}),
        ("L", "JPEG", {}),
        ("CMYK", "JPEG", {}),
        ("RGB", "PNG", {}),
        ("P", "PNG", {}),
        ("P", "PNG", {"transparency": 3}),
        ("RGBA", "PNG", {}),
        ("LA", "PNG", {}),
        ("1", "PNG", {}),
        ("P", "BMP", {}),
        ("1", "BMP", {}),
        ("RGB", "BMP", {}),
        ("P", "GIF", {}),
        ("RGBA", "WEBP", {"lossless": True}),
        ("RGB", "TIFF", {"exif": exif(6)}),
    ],
)
def test_pixels_are_those_of_pillow(graph, photo, mode, kind, more):
    data = saved(photo.convert(mode), kind, **more)
    pixels, _ = graph(data)
    with Image.open(io.BytesIO(data)) as file:
        expected = ImageOps.exif_transpose(file).convert("RGB")
    np.testing.assert_array_equal(pixels, expected)


def test_an_animation_without_alpha_is_its_first_picture(graph):
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("red", "green", "blue")]
    for kind in ("WEBP", "GIF", "PNG"):
        data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
        assert np.all(np.abs(graph(data)[0].numpy() - [255.0, 0, 0]) < 3)


def test_images_that_are_turned_are_counted_once_each(photo, caplog):
    """Four of seven files, which a data set reads twice."""
    files = [
        *(saved(photo, "JPEG", exif=exif(turn)) for turn in (1, 3, 6)),
        *(saved(photo, "PNG", **more) for more in ({}, {"exif": exif(8)})),
        *(saved(photo, "WEBP", **more) for more in ({}, {"exif": exif(5)})),
    ]
    with turned.counted():
        pixels = tf.data.Dataset.from_tensor_slices(files).repeat(2).map(decoding.decode, 4)
        assert len(list(pixels)) == 14
    assert [record.getMessage() for record in caplog.records] == [
        "4 images were turned upright, as their EXIF data say"
    ]
    list(pixels)  # Nobody asks any more.
    with turned.counted():
        decoding.decode(files[0])
    assert len(caplog.records) == 1


def test_grey_sets_stay_grey_and_sizes_are_known_where_no_turn_swaps_them(photo):
    data = saved(photo.convert("L"), "PNG", exif=exif(8))
    grey = decoding.decoder((52, 52, 1))(saved(photo.convert("L").resize((52, 52)), "PNG"))
    assert grey.shape == (52, 52, 1)
    wide = tf.function(decoding.decoder((37, 52, 1))).get_concrete_function(
        tf.TensorSpec([], tf.string)
    )
    assert wide.output_shapes == tf.TensorShape([None, None, 1])
    assert wide(tf.constant(data)).shape == (52, 37, 1)


def test_saved_graphs_need_no_python_and_refuse_what_would_be_read_wrongly(photo):
    decode = tf.function(
        lambda data: decoding.decode(data, portable=True),
        input_signature=[tf.TensorSpec([], tf.string)],
    )
    operations = {node.op for node in decode.get_concrete_function().graph.as_graph_def().node}
    assert not any("PyFunc" in name for name in operations)
    for kind in ("PNG", "BMP"):
        np.testing.assert_array_equal(decode(saved(photo, kind)), photo)
    assert decode(saved(photo, "JPEG", exif=exif(6))).shape == (52, 37, 3)
    for odd in (saved(photo.convert("P"), "BMP"), saved(photo, "WEBP"), b"", b"\xff\xd8\xff"):
        with pytest.raises(tf.errors.InvalidArgumentError):
            decode(odd)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["JPEG", "PNG"]),
    st.lists(st.tuples(st.integers(0, 140), st.integers(0, 255)), max_size=4),
    st.integers(0, 200),
    st.sampled_from([3, 4]),
)
def test_damaged_exif_is_no_orientation_and_no_error(orientation, photo, kind, changes, cut, long):
    exif_data = exif(6, ">", long, 2) + b"\0" * cut
    data = bytearray(saved(photo, kind, exif=exif_data, icc_profile=b"x" * 300))
    for at, value in changes:
        data[at] = value
    found = int(orientation(tf.constant(bytes(data))))
    assert found in range(1, 9)
    if not changes:
        assert found == 6


def test_boxes_turn_with_their_pictures():
    pixels = np.zeros((40, 80, 1), np.uint8)
    pixels[10:20, 20:60] = 1
    boxes = tf.constant([[10 / 40, 20 / 80, 20 / 40, 60 / 80]])
    for turn, upright in UPRIGHT.items():
        rows, columns, _ = np.nonzero(upright(pixels))
        height, width = upright(pixels).shape[:2]
        expected = [
            rows.min() / height,
            columns.min() / width,
            (rows.max() + 1) / height,
            (columns.max() + 1) / width,
        ]
        found = decoding.upright_boxes(boxes, tf.constant(turn))
        np.testing.assert_allclose(found, [expected], atol=1e-6)
        shown = decoding.upright(tf.constant(pixels), tf.constant(turn))
        np.testing.assert_array_equal(shown, upright(pixels))
