"""What the network is fed, compared with what TFDS itself reads."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from cells import data as datasets
from cells.support.errors import UserError
from transfer.config import schema
from transfer.data import dataset
from transfer.data import examples as stored


def batches(model: schema.Model, count: int = 1, **settings):
    params = schema.DataConfig(
        **{"is_training": False, "drop_remainder": False, "tfds_split": "test", **settings}
    )
    return list(dataset.build_dataset(params, model).take(count).as_numpy_iterator())


def expected(name, folder, split, count):
    """The first images, as Pillow decodes what TFDS keeps, and labels; without our pipeline."""
    builder = datasets.builder(name, folder)
    classes = datasets.image_classes(builder)
    kept = builder.as_dataset(split=split, decoders={classes.image_key: tfds.decode.SkipDecoding()})
    examples = list(tfds.as_numpy(kept.take(count)))
    channels = builder.info.features[classes.image_key].shape[-1]
    mode = "L" if channels == 1 else "RGB"
    opened = [Image.open(io.BytesIO(e[classes.image_key])).convert(mode) for e in examples]
    return (
        [np.asarray(image).reshape(*image.size[::-1], channels) for image in opened],
        np.array([e[classes.label_key] for e in examples]),
    )


def test_evaluation_gives_all_digits_as_tfds_has_them(digits_dir):
    model = schema.Model(num_classes=10)
    given = batches(
        model, -1, tfds_name="digits", tfds_data_dir=str(digits_dir), global_batch_size=100
    )
    images, labels = expected("digits", digits_dir, "test", -1)
    assert [len(batch) for batch, _ in given] == [100, 100, 100, 60]
    np.testing.assert_array_equal(np.concatenate([y for _, y in given]), labels)
    np.testing.assert_allclose(
        np.concatenate([x for x, _ in given]), np.stack(images) / 127.5 - 1, atol=1e-6
    )


def test_a_prepared_folder_can_be_given_and_a_part_of_a_split(digits_dir):
    folder = digits_dir / "digits" / "1.0.0"
    ((images, labels),) = batches(
        schema.Model(num_classes=10),
        tfds_name=str(folder),
        tfds_split="test[10:16]",
        global_batch_size=8,
    )
    wanted, wanted_labels = expected("digits", digits_dir, "test[10:16]", 8)
    np.testing.assert_array_equal(labels, wanted_labels)
    np.testing.assert_allclose(images, np.stack(wanted) / 127.5 - 1, atol=1e-6)


def test_a_network_of_one_channel_sees_the_grey_image(digits_dir):
    ((images, _),) = batches(
        schema.Model(num_classes=10, input_size=[16, 24, 1]),
        tfds_name="digits",
        tfds_data_dir=str(digits_dir),
        global_batch_size=4,
    )
    assert images.shape == (4, 16, 24, 1)
    assert -1 <= images.min() < images.max() <= 1


def training_pairs(digits_dir, count=64, **settings):
    """Augmented images with the originals that they come from."""
    ((images, labels),) = batches(
        schema.Model(num_classes=10),
        is_training=True,
        tfds_name="digits",
        tfds_split="test[:1]",
        tfds_data_dir=str(digits_dir),
        global_batch_size=count,
        shuffle_buffer_size=1,
        **settings,
    )
    (original,), (label,) = expected("digits", digits_dir, "test[:1]", 1)
    assert set(labels) == {label}
    return images, original / 127.5 - 1


def test_training_shifts_by_at_most_the_given_pixels_over_black(digits_dir):
    images, original = training_pairs(digits_dir, aug_shift=2, aug_rand_hflip=False)
    padded = np.pad(original, ((2, 2), (2, 2), (0, 0)), constant_values=-1)
    places = [
        (y, x)
        for image in images
        for y in range(5)
        for x in range(5)
        if np.allclose(image, padded[y : y + 32, x : x + 32], atol=1e-6)
    ]
    assert len(places) == len(images)
    assert {y for y, _ in places} == {x for _, x in places} == set(range(5))


@pytest.mark.parametrize("flip", [False, True])
def test_training_flips_where_it_may(digits_dir, flip):
    images, original = training_pairs(digits_dir, aug_rand_hflip=flip)
    mirrored = [np.allclose(image, original[:, ::-1], atol=1e-6) for image in images]
    straight = [np.allclose(image, original, atol=1e-6) for image in images]
    assert all(m or s for m, s in zip(mirrored, straight, strict=True))
    assert any(mirrored) == flip
    assert any(straight)


def test_cutout_lays_a_square_of_mean_grey_over_each_image(digits_dir):
    images, original = training_pairs(digits_dir, aug_cutout=8, aug_rand_hflip=False)
    for image in images:
        changed = np.any(np.abs(image - original) > 1e-5, axis=-1)
        rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        assert 0 < np.ptp(rows) < 8 and 0 < np.ptp(columns) < 8
        np.testing.assert_array_equal(image[changed], 0.0)


def test_model_gardens_augmentations_keep_range_and_shape(digits_dir):
    images, _ = training_pairs(
        digits_dir,
        count=8,
        aug_crop=True,
        color_jitter=0.2,
        aug_type={"type": "randaug"},
        dtype="bfloat16",
    )
    assert images.shape == (8, 32, 32, 3)
    assert images.dtype == tf.bfloat16.as_numpy_dtype
    assert -1 <= images.min() <= images.max() <= 1


def test_tfrecord_files_are_read_too(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype("uint8")
    with tf.io.TFRecordWriter(str(tmp_path / "part-0")) as writer:
        for label, image in enumerate(pixels):
            features = {
                "image/encoded": tf.train.Feature(
                    bytes_list=tf.train.BytesList(value=[tf.io.encode_png(image).numpy()])
                ),
                "image/class/label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())
    ((images, labels),) = batches(
        schema.Model(num_classes=3),
        tfds_split="",
        input_path=str(tmp_path / "part-*"),
        global_batch_size=3,
    )
    np.testing.assert_array_equal(labels, [0, 1, 2])
    np.testing.assert_allclose(images, pixels / 127.5 - 1, atol=1e-6)


def test_two_pipelines_share_a_split_of_one_file(digits_dir):
    params = schema.DataConfig(
        is_training=False,
        drop_remainder=False,
        tfds_name="digits",
        tfds_data_dir=str(digits_dir),
        tfds_split="test",
        global_batch_size=64,
    )
    builder = datasets.builder("digits", digits_dir)
    seen = []
    for pipeline in range(2):
        context = tf.distribute.InputContext(2, pipeline, 2)
        part = stored.examples(builder, params, context)
        seen += [example["image"].tobytes() for example in part.as_numpy_iterator()]
    wanted, _ = expected("digits", digits_dir, "test", -1)
    assert sorted(seen) == sorted(image.tobytes() for image in wanted)


def test_cifar10_as_tfds_has_it(data_dir):
    ((images, labels),) = batches(
        schema.Model(num_classes=10),
        tfds_name="cifar10",
        tfds_split="test[:16]",  # In one file: the order of several is the reader's.
        tfds_data_dir=str(data_dir),
        global_batch_size=16,
    )
    wanted, wanted_labels = expected("cifar10", data_dir, "test[:16]", 16)
    np.testing.assert_array_equal(labels, wanted_labels)
    np.testing.assert_allclose(images, np.stack(wanted) / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize("skip", ["", "image"])
def test_imagenet_central_crop_of_what_tfds_has(data_dir, skip):
    """Both ways to decode: TFDS's own, and the recipe's, which decodes behind the shuffling."""
    ((images, labels),) = batches(
        schema.Model(num_classes=1000, input_size=[64, 64, 3]),
        tfds_name="imagenet2012",
        tfds_split="validation[:8]",
        tfds_data_dir=str(data_dir),
        tfds_skip_decoding_feature=skip,
        global_batch_size=8,
        aug_crop=True,
    )
    wanted, wanted_labels = expected("imagenet2012", data_dir, "validation[:8]", 8)
    np.testing.assert_array_equal(labels, wanted_labels)
    for image, original in zip(images, wanted, strict=True):
        side = int(0.875 * min(original.shape[:2]))
        top, left = (int((n - 0.875 * min(original.shape[:2])) / 2) for n in original.shape[:2])
        crop = original[top : top + side, left : left + side]
        resized = tf.image.resize(crop, (64, 64), antialias=True).numpy()
        np.testing.assert_allclose(image, resized / 127.5 - 1, atol=1e-5)


def test_a_set_without_labels_is_refused(data_dir):
    with pytest.raises(UserError, match=r"coco/2017.* is not a set of images with one label each"):
        batches(
            schema.Model(num_classes=10),
            tfds_name="coco/2017",
            tfds_data_dir=str(data_dir),
            tfds_split="train",
            global_batch_size=2,
        )


def test_the_table_of_model_garden_is_left_alone(digits_dir):
    from official.vision.dataloaders import tfds_classification_decoders as table

    names = set(table.TFDS_ID_TO_DECODER_MAP)
    batches(
        schema.Model(num_classes=10),
        tfds_name="digits",
        tfds_data_dir=str(digits_dir),
        global_batch_size=2,
    )
    assert set(table.TFDS_ID_TO_DECODER_MAP) == names
    assert "digits" not in names
